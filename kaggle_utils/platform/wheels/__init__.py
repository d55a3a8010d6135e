"""The dataset of wheels for offline notebooks, and its installation on Kaggle."""
