"""The sub-commands of ``kaggle-utils``, a file each."""
