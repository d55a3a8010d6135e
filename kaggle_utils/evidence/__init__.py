"""What figures are worth: cross-fitting, intervals, candidates, weights, the diary. Knows only counts."""
