"""Labels: several for one image; their metrics, the rules that choose them, calibration and stacking before these."""
