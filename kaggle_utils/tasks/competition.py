"""What a competition says of itself, in one file, and what its kind does for it.

A competition is a module of :mod:`kaggle_utils.competitions`, or any object from outside the package, that answers
:class:`Competition`: facts, layout, faults and score. Everything that competitions of a kind share (training a member,
its prediction sets, the search for a decision, the submission, what a rehearsal compares) is its :class:`Kind`, written
once in this package. Notebooks and commands hold a competition and ask it; none of them names one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

    from kaggle_utils.evidence.medals import Medals
    from kaggle_utils.tasks.jobs import Order
    from kaggle_utils.tasks.runs import Job, Runs

SUBMISSION = "submission.csv"  # the table that the last stage writes, in its folder of output
Look = Callable[..., np.ndarray]  # (width, height), None: as it is; choices of the training by name -> (H, W, C) uint8


@dataclass(frozen=True)
class FoldSize:
    """How many items one fold trains on in an epoch, and how many it leaves out to be judged and predicted."""

    train: int
    valid: int


class Items(Protocol):
    """Items of a competition in the order of its table, with their truth where it is known."""

    table: pd.DataFrame  # one row an item: the column KEY, exists (bool), and path, group, clip where there are such

    def __len__(self) -> int: ...

    def take(self, rows: np.ndarray) -> Items:
        """Those chosen by row numbers, in that order, or by a mask; numbered from 0."""

    def present(self) -> Items:
        """Only those whose files are there."""

    @property
    def filled(self) -> np.ndarray:
        """(N,) bool: whether there is anything to find in an item, as far as its truth is known."""


class Card(Protocol):
    """A score with its parts; ``str`` is what a person reads."""

    @property
    def score(self) -> float: ...

    @property
    def short(self) -> str:
        """The figure and what it is compared with, such as ``0.8043; all empty 0.4583``."""

    def to_json(self) -> str: ...


class Stream(Protocol):
    """Items to be answered, as the competition hands them out: files of a folder, or an API that waits for each answer."""

    total: int | None  # how many; None where nobody knows
    ahead: int  # how many may be looked at before the first of them is answered

    def __iter__(self) -> Iterator[tuple[Any, Look]]:
        """(key, look) of each item in turn; ``look(size, **pixels)`` gives its pixels, see :meth:`Competition.read`."""

    def take(self, key: Any, answer: Any) -> None:
        """The answer to the oldest item that waits for one."""

    def close(self) -> Path:
        """The submission, checked and written; ValueError with all its faults, and then none is written."""


class Competition(Protocol):
    """What a competition must say.

    Sizes are (width, height), shapes (height, width), both in pixels. Pixels are (H, W, C) uint8, on the grid of their
    labels. An item is named by what its table has in the column KEY.
    """

    NAME: str  # as the command line has it, and folders of notebooks, kernels and runs
    SLUG: str  # Kaggle's
    DATASETS: tuple[str, ...]  # of Kaggle, by slug, that hold the same files and are taken in their place
    UNIT: str  # what an item is called: frame, picture, chip, record
    KEY: str  # the column that names items
    CLASSES: tuple[str, ...]
    COLUMNS: tuple[str, ...]  # of the submission
    KIND: Kind
    CODE: bool  # submitted as a kernel that is run again on a hidden test, or as a file
    SERVED: bool  # that test comes from a time-series API: nothing in the competition's folder is swapped
    HIDDEN_ITEMS: int  # in the real test
    FULL: Mapping[int, FoldSize]  # the folds of the real training data
    SAMPLE: Mapping[str, Any]  # parameters in place of the defaults for the built-in sample
    SMOKE: Mapping[str, Any]  # and for a run that only shows that everything runs
    MEDALS: Medals | None  # what is known of the private leaderboard
    SCORE_OPTIONS: Mapping[str, str]  # name of a keyword of score_files -> what it does

    def make_sample(self, folder: Path) -> Path:
        """The built-in sample, painted unless it is there; its hidden test lies in ``<folder>-hidden``."""

    def load(self, folder: Path) -> Items:
        """The training items; files that are not there are marked, not refused."""

    def test(self, folder: Path) -> Items:
        """Those to predict, in the submission's order."""

    def unlabelled(self, folder: Path) -> Items | None:
        """Those whose truth nobody knows, for members that learn from another's predictions; None where there are none."""

    def hidden(self, folder: Path) -> Items:
        """A hidden test in a folder of its own, with its truth where that lies in it or beside it."""

    def fit_pixels(self, items: Items) -> Mapping[str, Any]:
        """What :meth:`read` is to be told besides that follows from the training items, such as bands' limits: JSON's types."""

    def read(self, items: Items, row: int, size: tuple[int, int] | None, **pixels: Any) -> np.ndarray:
        """Pixels of an item; pixels: choices of the training (colour, bands, frames)."""

    def truth(self, items: Items, row: int, shape: tuple[int, int]) -> Any:
        """What the answer to an item is scored by."""

    def stream(self, items: Items | None, folder: Path, output: Path) -> Stream:
        """The submission: from files, items in their order, unless the competition has an API of its own."""

    def lay_out(self, items: Items, folder: Path, test: bool = True) -> None:
        """Writes what makes these items all of the test there is, or else all to train on, by links: for rehearsals."""

    def rows(self, items: Items, row: int, answer: Any) -> list[tuple]:
        """The submission's rows, in COLUMNS, for the answer to one item."""

    def faults(self, table: pd.DataFrame, items: Items) -> list[str]:
        """Why Kaggle would refuse a submission for these items, a sentence each; table: all cells as text."""

    def answers(self, table: pd.DataFrame, items: Items) -> list[str]:
        """One text for each item, of a table without faults: what a rehearsal compares."""

    def score(self, items: Items, table: pd.DataFrame) -> Card:
        """The competition's score of a table without faults, for items whose truth is known."""

    def score_files(self, truth: Path, predictions: Path, **options: Any) -> Card:
        """The competition's score of two tables on disk."""


class Kind(Protocol):
    """What competitions of one kind share. ``competition`` is always one of that kind."""

    METRIC: str  # F2, Dice

    def parameters(self, names: Mapping[str, Any], preset: Mapping[str, Any] | None = None) -> Any:
        """A training's parameters from a notebook's variables; preset: in place of defaults, not of choices.

        They have ``plain()``, all by name in JSON's types, and ``changed()``, those that differ from the defaults.
        Raises ValueError for what does not fit together.
        """

    def members(self, names: Mapping[str, Any], preset: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """name -> parameters of each member that a notebook's variables ask for, see :mod:`kaggle_utils.tasks.members`."""

    def train(
        self, competition: Competition, items: Items, fold_of_item: np.ndarray, wanted: Sequence[Order], output: Path, *,
        cache: Path, unlabelled: Items | None = None, run: Callable[[Sequence[Order], Callable], list] | None = None,
        seconds_left: Callable[[], float], progress: bool = False,
    ) -> list[Job]:  # fmt: skip
        """Each order trained, and its prediction sets written; what is done is not done again.

        Orders whose parents are trained, in any order; a job notes its order's origin, and of all rows it has no figure.
        items: whose files are there; fold_of_item: (N,) int64, -1: only ever trained on; cache: a folder for what this
        session alone needs; unlabelled: what a member learns from that learns from another's predictions
        run: what runs orders (:func:`kaggle_utils.tasks.jobs.side_by_side`), None: this CPU
        seconds_left: a function of a module; a training ends in time, and a warning names what there was no time for
        """

    def fold_size(self, items: Items, fold_of_item: np.ndarray, fold: int, parameters: Any) -> FoldSize:
        """How many items an epoch of this fold trains on, and how many it leaves out."""

    def out_of_fold(
        self, competition: Competition, items: Items, runs: Runs, folds: pd.DataFrame, cache: Path, progress: str | None
    ) -> Any:
        """The predictions of items by models that have not seen them, with their parts: what a decision is made of."""

    def predictor(
        self, competition: Competition, runs: Runs, decision: Mapping[str, Any], device: str, models: str
    ) -> Callable[[Sequence[Look]], Iterable]:
        """looks of some items -> their answers, by the rules that stage 3 measured.

        decision: as decision.json has it; models: those of the "first" fold, of "all", or "full"; ``folds`` tells which
        """

    def same(self, one: str, other: str) -> bool:
        """Whether two answers, as a submission has them, are the same but for rounding."""
