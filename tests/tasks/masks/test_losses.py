"""What a decision of masks missed and invented: counted by class, shown, and read as advice."""

from types import SimpleNamespace

import numpy as np
import pandas as pd

from kaggle_utils.evidence.candidates import Candidate, Choice, Ground
from kaggle_utils.tasks.masks.losses import by_class, fates, gallery, what_next

CLASSES = ("left", "right")
FULL, NONE = np.ones((4, 6), np.uint8), np.zeros((4, 6), np.uint8)
TRUE = [(FULL, NONE), (FULL, FULL), (NONE, NONE), (FULL, NONE)]
SAID = [(NONE, NONE), (FULL, FULL), (NONE, FULL), (NONE, FULL)]


class Judged:
    """Four items whose answers are given."""

    rows, shape, pooled = np.array([10, 11, 12, 13]), (4, 6), False

    def truth(self, item):
        return np.stack(TRUE[item])

    def answer(self, decision, row):
        return np.stack(SAID[row - 10])


COMPETITION = SimpleNamespace(
    CLASSES=CLASSES, read=lambda items, row, size: np.zeros((*size[::-1], 3), np.uint8),
    truth=lambda items, row, shape: np.stack(TRUE[row - 10]),
)  # fmt: skip


def test_each_pair_has_its_fate():
    pairs = fates(Judged(), None, CLASSES)
    found = {(row, name): (fate, dice) for row, name, fate, dice, *_ in pairs.itertuples(index=False)}
    assert pairs.loc[pairs["row"] == 13, ["missed_px", "invented_px"]].to_numpy().tolist() == [[24, 0], [0, 24]]
    assert found[10, "left"] == ("missed", 0) and found[12, "right"] == ("invented", 0)
    assert found[11, "left"] == ("both drawn", 1) and found[12, "left"] == ("both empty", 1)
    table = by_class(pairs)
    assert table.loc["left"].tolist() == [2, 0, 1, 1, 0.5] and table.loc["right"].tolist() == [0, 2, 1, 1, 0.5]
    assert fates(Judged(), None, CLASSES, most=2)["row"].unique().tolist() == [10, 13]


def test_the_gallery_begins_with_what_loses_most():
    pairs = fates(Judged(), None, CLASSES)
    assert gallery(COMPETITION, None, Judged(), [None, None], pairs, n=2).size == (3 * 404 - 4, 2 * 271 - 4)
    assert gallery(COMPETITION, None, Judged(), [None], pairs[pairs["fate"] == "both drawn"]) is None


def test_where_all_pixels_are_one_score_pixels_are_what_is_lost():
    pooled, shown = Judged(), []
    pooled.pooled = True
    seen = SimpleNamespace(**vars(COMPETITION) | {"read": lambda items, row, size: shown.append(row) or np.zeros((4, 6, 3), np.uint8)})
    pairs = fates(pooled, None, CLASSES)
    pairs.loc[pairs["fate"] == "both drawn", "missed_px"] = 99  # drawn, and badly
    gallery(seen, None, pooled, [None], pairs, n=1)
    assert shown == [11]


def test_the_advice_names_the_class_that_loses_most():
    counts = np.array([[1, 2], [2, 2], [1, 2], [0, 2]] * 2)
    ground = Ground(np.arange(8) // 4, np.arange(8), lambda sums: sums[:, 0] / sums[:, 1], "dice")
    choice = Choice(ground, "plain", Candidate(None, 0.5, counts, {0: counts, 1: counts}))
    line = what_next(choice, pd.DataFrame({"class": ["a", "b", "b"], "fate": ["missed", "missed", "both drawn"], "dice": [0, 0, 1]}))
    assert line.startswith("what to try next: a loses most (Dice 0.00): pos_weight") and "2 masks are missed, 0 invented" in line
