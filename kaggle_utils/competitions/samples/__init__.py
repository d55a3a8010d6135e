"""A small synthetic competition each, in Kaggle's own layout, made by our own code."""
