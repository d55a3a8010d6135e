"""What a decision missed and what it invented, for the eye, and what to try next.

A mask that is there and is not drawn costs as much as one that is drawn where none is: a pair of item and class gets
0 for either, and 1 where both are empty.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from tqdm import tqdm

from kaggle_utils.evidence.candidates import Choice
from kaggle_utils.masks.dice import dice_counts, dice_from_counts
from kaggle_utils.pictures.frames import contact_sheet
from kaggle_utils.pictures.masks import before_and_after
from kaggle_utils.tasks.masks.decision import Decision
from kaggle_utils.tasks.masks.out_of_fold import OutOfFold

if TYPE_CHECKING:
    import pandas as pd

    from kaggle_utils.tasks.competition import Competition, Items

FATES = ("missed", "invented", "both drawn", "both empty")


def fates(
    judged: OutOfFold, decision: Decision, classes: tuple[str, ...], most: int = 400, progress: str | None = None
) -> pd.DataFrame:
    """A row a pair of item and class: row (of the data), class, fate (one of FATES) and dice.

    most: items looked at, evenly spread. The decision was fitted on them: for the eye, not for a figure.
    """
    import pandas as pd

    places = np.unique(np.linspace(0, len(judged.rows) - 1, min(most, len(judged.rows))).astype(int))
    found = []
    for place in tqdm(places, progress, disable=progress is None):
        row = int(judged.rows[place])
        counts = dice_counts(judged.answer(decision, row), judged.truth(place))
        fate = np.select([counts[:, 1:].all(1), counts[:, 2] > 0, counts[:, 1] > 0], [2, 0, 1], 3)
        found += [(row, name, FATES[i], d) for name, i, d in zip(classes, fate, dice_from_counts(counts), strict=True)]
    return pd.DataFrame(found, columns=["row", "class", "fate", "dice"])


def by_class(pairs: pd.DataFrame) -> pd.DataFrame:
    """A row a class: how many pairs have which fate, and their mean Dice; pairs: of :func:`fates`."""
    counts = pairs.pivot_table(index="class", columns="fate", values="dice", aggfunc="size", fill_value=0, sort=False)
    return counts.reindex(columns=list(FATES), fill_value=0).assign(dice=pairs.groupby("class")["dice"].mean())


def gallery(
    competition: Competition, items: Items, judged: OutOfFold, decisions: Iterable[Decision], pairs: pd.DataFrame, n: int = 4
) -> Image.Image | None:
    """The n items that lose most by masks that are missed or invented; None where none does.

    decisions: each drawn in a column behind the truth; pairs: of :func:`fates`
    """
    lost = pairs[pairs["fate"].isin(FATES[:2])]
    worst = lost.groupby("row").size().sort_values(ascending=False, kind="stable").index[:n]
    cells, captions = [], []
    for row in worst:
        own = lost[lost["row"] == row]
        picture = competition.read(items, row, judged.shape[::-1])
        steps = [competition.truth(items, row, judged.shape), *(judged.answer(one, row) for one in decisions)]
        cells += before_and_after(picture, steps, competition.CLASSES)
        captions += ["truth", *[""] * (len(steps) - 2), ", ".join(own["class"] + " " + own["fate"])]
    return Image.fromarray(contact_sheet(cells, len(cells) // len(worst), 400, captions)) if cells else None


def what_next(choice: Choice, pairs: pd.DataFrame) -> str:
    """One line: where most is lost, and what is worth a try against it; pairs: of :func:`fates`."""
    table = by_class(pairs)
    weakest, (missed, invented) = table["dice"].idxmin(), (int(table[fate].sum()) for fate in FATES[:2])
    way = "pos_weight for it, a member with a larger size" if missed > invented else "label_weight, a stronger label head"
    told = f"{missed} masks are missed, {invented} invented in {len(pairs)} pairs; {choice.weakest()}"
    return f"what to try next: {weakest} loses most (Dice {table['dice'].min():.2f}): {way}. {told}"
