"""What all competitions of a kind do, written once: boxes in video, masks; and what all kinds share."""
