"""Jobs as plain data: a member trained on all folds but one, or on all rows; in a mapping, out a folder.

What runs them is handed in. Cards side by side on this machine are one way (:func:`side_by_side`), a kernel for each fold
on Kaggle is another: it is the same stage with the same parameters and ``fold`` set.
"""

from __future__ import annotations

import copyreg
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from kaggle_utils.errors import KitError
from kaggle_utils.tasks.runs import ALL_ROWS, job_title

if TYPE_CHECKING:
    import pandas as pd

    from kaggle_utils.tasks.runs import Job

# Cards side by side are processes, and a competition that is a module goes to them by its name, as functions do.
copyreg.pickle(ModuleType, lambda module: (import_module, (module.__name__,)))


@dataclass(frozen=True)
class Order:
    """What is to be trained: plain values, so that it can be sent anywhere.

    competition: its name; member: ``[a-z0-9]+``; fold: the one left out, or ALL_ROWS
    parameters: all that the training needs to know, in JSON's types
    origin: what else its result depends on, by words: digests of the split and of others' weights
    parents: role (see :mod:`kaggle_utils.tasks.members`) -> file of another member's weights
    epochs: at which each stage of the training ends; none: at the last, or earlier, as the parameters say
    """

    competition: str
    member: str
    fold: int
    parameters: Mapping[str, Any] = field(default_factory=dict)
    origin: Mapping[str, str] = field(default_factory=dict)
    parents: Mapping[str, str] = field(default_factory=dict)
    epochs: Sequence[int] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "epochs", tuple(self.epochs))

    @property
    def title(self) -> str:
        """How bars and messages name it."""
        return job_title(self.member, self.fold)

    @property
    def place(self) -> str:
        """What a folder of its own is called.

        >>> Order("reef", "a", 0).place, Order("reef", "a", ALL_ROWS).place
        ('fold0', 'full')
        """
        return "full" if self.fold == ALL_ROWS else f"fold{self.fold}"

    def left_out(self, fold_of_item: np.ndarray) -> np.ndarray:
        """(N,) bool: items that it is judged on and has not seen, of a training on all rows none; fold_of_item: (N,)."""
        return (fold_of_item == self.fold) & (self.fold != ALL_ROWS)


def chosen_folds(there: Iterable[int], fold: int | None = None, folds: Sequence[int] | None = None) -> list[int]:
    """Which folds are trained, ascending: one, some, or all there are (-1, which is only ever trained on, is none).

    >>> chosen_folds([2, 0, -1]), chosen_folds([0, 1, 2], fold=1)
    ([0, 2], [1])
    >>> chosen_folds([0, 1], folds=[1, 5])
    Traceback (most recent call last):
    ValueError: folds to train are [1, 5], expected some of [0, 1]
    """
    known = sorted({int(one) for one in there} - {-1})
    wanted = [fold] if fold is not None else known if folds is None else sorted(set(folds))
    if not wanted or not set(wanted) <= set(known):
        raise ValueError(f"folds to train are {wanted}, expected some of {known}")
    return wanted


def orders(competition: str, members: Mapping[str, Mapping[str, Any]], folds: Sequence[int]) -> list[Order]:
    """Every member on every fold; members: name -> its parameters.

    >>> [order.title for order in orders("reef", {"a": {}, "b": {}}, folds=[0, 1])]
    ['a fold 0', 'a fold 1', 'b fold 0', 'b fold 1']
    """
    return [Order(competition, member, fold, parameters) for member, parameters in members.items() for fold in folds]


def side_by_side(devices: Sequence[str]) -> Callable[[Sequence[Order], Callable], list]:
    """A way to run orders: as many at a time as there are devices, a single one on all of them.

    Returns a function of orders and of what trains one (order, devices=...) -> its result.
    """
    from kaggle_utils.learning.devices import each_fold

    return lambda wanted, train: each_fold(wanted, train, devices)


def run_orders(
    wanted: Sequence[Order], train: Callable, run: Callable[[Sequence[Order], Callable], list] | None = None, **shared: Any
) -> list[Any]:
    """The results of all orders for which there was time.

    train: (order, devices, **shared) -> result, None when the session's end left no time; a function of a module
    run: such as :func:`side_by_side` makes; None: this CPU, one after another
    A warning names what no time was left for; KitError when that is everything.
    """
    results = (run or side_by_side(["cpu"]))(wanted, partial(train, **shared))
    if untrained := [order.title for order, found in zip(wanted, results, strict=True) if found is None]:
        message = f"no time was left to train {', '.join(untrained)}: push the missing folds as kernels of their own"
        if len(untrained) == len(wanted):
            raise KitError(message)
        warnings.warn(message, stacklevel=2)
    return [found for found in results if found is not None]


def table_of(jobs: Iterable[Job]) -> pd.DataFrame:
    """A row a job, by its title: score of the best epoch, minutes, and why it ended."""
    import pandas as pd

    rows = {job.title: (round(job.score, 4), round(job.minutes, 2), job.stopped) for job in jobs}
    return pd.DataFrame.from_dict(rows, orient="index", columns=["score", "minutes", "stopped"])


def learnt(jobs: Iterable[Job], figure: str) -> pd.DataFrame:
    """A row an epoch, a column a job that is judged: one of the figures of its history, such as dice."""
    import pandas as pd

    of = {job.title: {line["epoch"]: line[figure] for line in job.history} for job in jobs if job.items}
    return pd.DataFrame(of).sort_index().rename_axis("epoch")
