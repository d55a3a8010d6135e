"""Kernels pushed to Kaggle: sent once, waited for, brought home, submitted."""
