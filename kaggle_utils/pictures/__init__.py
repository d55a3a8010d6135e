"""What the notebooks show: curves, frames, masks."""
