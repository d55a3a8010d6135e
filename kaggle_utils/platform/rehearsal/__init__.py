"""A session of Kaggle's, at home: what runs in it, what it costs, what is wrong."""
