"""Loops that numba compiles, one file a job; each has a NumPy twin where it is used.

A module of this package imports numba at its top, so it is imported only when first needed, by
the function that uses it. Compiled code is cached beside the source (``cache=True``).
"""
