"""What is particular to one competition, one file each: tables in, submission out, its score."""
