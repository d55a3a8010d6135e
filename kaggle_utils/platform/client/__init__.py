"""Calls to Kaggle through its official client."""
