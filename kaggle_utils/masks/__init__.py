"""Masks: run lengths, Dice, components, the rules that make masks of probabilities, and their search."""
