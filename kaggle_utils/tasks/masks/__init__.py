"""Competitions whose answers are masks: what they share, given the competition."""
