"""What the tests of fusion share: every option, some models, equality to a tolerance."""

from functools import partial

import numpy as np
import pytest
import references.fusion

from kaggle_utils.boxes import fusion
from kaggle_utils.boxes.table import Boxes

VARIANTS = [
    ("nms", {}),
    ("soft_nms", {"decay": "gaussian"}),
    ("soft_nms", {"decay": "linear", "min_score": 0.1}),
    ("soft_nms", {"decay": "gaussian", "sigma": 0.1, "min_score": 0.05, "decayed": False}),
    ("nmw", {}),
    ("wbf", {"conf_type": "avg"}),
    ("wbf", {"conf_type": "avg", "allows_overflow": True}),
    ("wbf", {"conf_type": "max"}),
    ("wbf", {"conf_type": "box_and_model_avg"}),
    ("wbf", {"conf_type": "absent_model_aware_avg"}),
]
WAYS = [fusion, references.fusion]  # the package and its plain reading, which are called alike
FUSES = [*(way.fuse for way in WAYS), partial(fusion.fuse, engine="ensemble_boxes")]


def some_models(seed, n_models=3, n_frames=4, n_boxes=6, n_labels=2, shift=0.0):
    """Tables of boxes that scatter about a few objects in each frame, all scores different."""
    rng = np.random.default_rng(seed)
    objects = rng.uniform(50, 1000, (n_frames, 3, 2)), rng.uniform(30, 120, (n_frames, 3, 2))
    tables = []
    for _ in range(n_models):
        n = rng.integers(0, n_frames * n_boxes + 1)
        frame, which = rng.integers(0, n_frames, n), rng.integers(0, 3, n)
        centre = objects[0][frame, which] + rng.normal(0, 6, (n, 2)) + shift
        size = objects[1][frame, which] * rng.uniform(0.8, 1.25, (n, 2))
        xyxy = np.hstack([centre - size / 2, centre + size / 2])
        tables.append(Boxes(frame, xyxy, rng.uniform(0.001, 1, n), rng.integers(0, n_labels, n)))
    return tables


@pytest.fixture
def threads_at_once(monkeypatch):
    """Small tables are spread over threads, too."""
    from kaggle_utils.compiled import threads

    monkeypatch.setattr(threads, "_WORTH_THREADS", 1)
    monkeypatch.setattr(threads.config, "NUMBA_NUM_THREADS", 3)


def assert_same(ours, theirs, tolerance=1e-6):
    """Equal rows to the tolerance; coordinates as fractions of 2048 pixels, as the referee sees them."""
    rows = [np.lexsort((b.xyxy[:, 0].round(2), -b.score.round(5), b.label, b.frame)) for b in (ours, theirs)]
    ours, theirs = ours[rows[0]], theirs[rows[1]]
    np.testing.assert_array_equal(ours.frame, theirs.frame)
    np.testing.assert_array_equal(ours.label, theirs.label)
    np.testing.assert_allclose(ours.score, theirs.score, atol=tolerance, rtol=0)
    np.testing.assert_allclose(ours.xyxy / 2048, theirs.xyxy / 2048, atol=tolerance, rtol=0)
