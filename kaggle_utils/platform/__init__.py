"""What is particular to Kaggle: where files lie, what a session may use, its APIs."""
