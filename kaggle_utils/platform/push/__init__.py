"""Kernels on Kaggle: metadata checked, sent, waited for, brought home, submitted."""
