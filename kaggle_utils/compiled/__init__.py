"""Loops that numba compiles, one file a job: arrays in, arrays out; the NumPy versions they are held against are tests'.

A module of this package imports numba at its top, so it is imported only when first needed, by
the function that uses it. Compiled code is cached beside the source (``cache=True``), but a session on
Kaggle begins without a cache: kernels are written so that numba is soon done with them, in loops over
numbers, as what it compiles slowest is assigning an array to a row, indexing with a mask, and sorting.
"""
