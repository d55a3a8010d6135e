"""Which rows are trained on and which are held out, and whether the two know each other."""
