"""A competition of five ponds, for tests of the rehearsal: masks of 4 x 5 pixels as run lengths, files swapped in.

It lies outside the package and answers the Protocol by itself, its kind included; nothing is trained.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd

from kaggle_utils.masks.rle import run_length_faults
from kaggle_utils.tasks.competition import FoldSize
from kaggle_utils.tasks.faults import column_faults, name_faults, order_faults

NAME = SLUG = UNIT = "pond"
DATASETS = ()
KEY, CLASSES, COLUMNS = "name", ("water",), ("name", "runs")
CODE, SERVED, HIDDEN_ITEMS = True, False, 1000
FULL = {fold: FoldSize(train=400, valid=100) for fold in range(5)}
SAMPLE, SMOKE, SCORE_OPTIONS, MEDALS = {}, {}, {}, None
make_sample = fit_pixels = read = truth = stream = rows = unlabelled = None  # nothing is trained, predicted or streamed here
PUBLIC, HIDDEN, TRAIN = ("a", "b", "c"), ("p", "q", "r", "s", "t"), tuple("ABCDEFGHIJ")
KIND = SimpleNamespace(
    METRIC="share of ponds",
    same=lambda one, other: one == other,
    parameters=lambda names, preset: {**preset, **names},
    members=lambda names, preset: {"pond": {**preset, **names}},
    fold_size=lambda items, fold_of_item, fold, parameters: FoldSize(int((fold_of_item != fold).sum()), int((fold_of_item == fold).sum())),
)


@dataclass(frozen=True)
class Ponds:
    """Ponds by name; whoever is asked for more than the names has asked too much."""

    table: pd.DataFrame

    def __len__(self) -> int:
        return len(self.table)

    def take(self, rows: np.ndarray) -> Ponds:
        return Ponds(self.table.iloc[rows].reset_index(drop=True))

    def present(self) -> Ponds:
        return self

    @property
    def filled(self) -> np.ndarray:
        return np.ones(len(self), bool)


def named(*names: str) -> Ponds:
    return Ponds(pd.DataFrame({KEY: names, "exists": True}))


def load(folder: Path) -> Ponds:
    return named(*_names(folder / "train.csv"))


def test(folder: Path) -> Ponds:
    return named(*_names(folder / "test.csv"))


hidden, test.__test__ = test, False


def _names(path: Path) -> list[str]:
    return path.read_text().split()[1:]


def lay_out(items: Ponds, folder: Path, test: bool = True) -> None:
    folder.mkdir(exist_ok=True)
    (folder / ("test.csv" if test else "train.csv")).write_text("\n".join(["name", *items.table[KEY]]) + "\n")


def faults(table: pd.DataFrame, items: Ponds) -> list[str]:
    wrong = column_faults(table, COLUMNS, exactly=True)
    if wrong:
        return wrong
    named = name_faults(KEY, table[KEY], items.table[KEY]) or order_faults(KEY, table[KEY], items.table[KEY])
    rows = zip(table[KEY], table["runs"], strict=True)
    return named + [f"{name}: {fault}" for name, runs in rows for fault in run_length_faults(runs, (4, 5), "-")]


def answers(table: pd.DataFrame, items: Ponds) -> list[str]:
    return table["runs"].tolist()


def score(items: Ponds, table: pd.DataFrame) -> SimpleNamespace:
    share = float((table["runs"] != "-").mean())
    return SimpleNamespace(score=share, short=f"{share:.4f}")


def score_files(truth: Path, predictions: Path) -> SimpleNamespace:
    return score(load(truth.parent), pd.read_csv(predictions))


def write_competition(folder: Path) -> Path:
    """The competition's folder, with the public test."""
    folder.mkdir(parents=True)
    lay_out(named(*PUBLIC), folder)
    lay_out(named(*TRAIN), folder, test=False)
    (folder / "rules.txt").write_text("be kind\n")
    return folder
