"""The folder of kernels: one for each stage of a competition, checked before anything is sent."""
