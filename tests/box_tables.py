"""Tables of boxes to try metrics on, and the IoU of two boxes in plain Python."""

import numpy as np
from hypothesis import strategies as st

from kaggle_utils.boxes.table import Boxes


def loop_iou(a, b, plus_one=False):
    extra = 1.0 if plus_one else 0.0
    width = min(a[2], b[2]) - max(a[0], b[0]) + extra
    height = min(a[3], b[3]) - max(a[1], b[1]) + extra
    if width <= 0 or height <= 0:
        return 0.0
    area_a = (a[2] - a[0] + extra) * (a[3] - a[1] + extra)
    area_b = (b[2] - b[0] + extra) * (b[3] - b[1] + extra)
    return width * height / (area_a + area_b - width * height)


@st.composite
def tables(draw, n_frames=3, most=5, n_labels=2):
    """A few boxes on a coarse grid: ties in score and IoU, empty boxes and empty frames are common."""
    n = draw(st.integers(0, most * n_frames))
    numbers = draw(st.lists(st.tuples(*[st.integers(0, 6)] * 4), min_size=n, max_size=n))
    corners = np.array(numbers, float).reshape(-1, 4)
    xyxy = np.concatenate([corners[:, :2], corners[:, :2] + corners[:, 2:]], axis=1)
    frame = draw(st.lists(st.integers(0, n_frames - 1), min_size=n, max_size=n))
    score = draw(st.lists(st.sampled_from([0.1, 0.2, 0.5, 0.9]), min_size=n, max_size=n))
    label = draw(st.lists(st.integers(0, n_labels - 1), min_size=n, max_size=n))
    return Boxes(frame, xyxy, score, label)


def near(rng, n_frames=40, true=3, predicted=10, jitter=6.0):
    """True boxes in every other frame, predictions scattered around them and elsewhere."""
    frame = np.repeat(np.arange(0, n_frames, 2), true)
    corner = rng.uniform(0, 600, (len(frame), 2))
    truth = Boxes(frame, np.concatenate([corner, corner + rng.uniform(20, 80, (len(frame), 2))], axis=1))
    rows = rng.integers(0, len(truth), n_frames * predicted)
    noisy = truth.xyxy[rows] + rng.normal(0, jitter, (len(rows), 4))
    xyxy = np.concatenate([np.minimum(noisy[:, :2], noisy[:, 2:]), np.maximum(noisy[:, :2], noisy[:, 2:])], axis=1)
    frame = np.where(rng.random(len(rows)) < 0.8, truth.frame[rows], rng.integers(0, n_frames, len(rows)))
    return truth, Boxes(frame, xyxy, rng.random(len(rows)).round(2))
