"""The time-series API of the reef competition: emulated at home, bridged on Kaggle."""
