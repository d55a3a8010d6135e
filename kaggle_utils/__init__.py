"""Contents page of kaggle_utils.

Leaves and decisions are at hand after ``import kaggle_utils``; what needs torch, pandas or a
competition is imported by its own name (``from kaggle_utils.competitions import reef``).
"""

from kaggle_utils.boxes.table import Boxes
from kaggle_utils.errors import KitError

__version__ = "0.1.0"

__all__ = ["Boxes", "KitError", "__version__"]
