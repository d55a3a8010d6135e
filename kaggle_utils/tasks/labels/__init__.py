"""Competitions that are answered with labels: everything they share."""
