"""Wheels for sessions without internet: the dataset that carries them, and how they are installed."""

from kaggle_utils.platform.wheels.attached import install

__all__ = ["install"]
