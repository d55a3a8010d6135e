"""What a training costs, noted by those who do the work: ``progress.json`` beside the weights.

A trainer notes its epochs as they pass, and what an epoch's parts took; whoever makes caches and prediction sets for the
same model notes those. From this file a session knows after one epoch what the rest will take, and a rehearsal, from a
few epochs on a few items, what the whole training will (:mod:`kaggle_utils.tasks.cost`).
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kaggle_utils.files import json_text, replacing


def endless() -> float:
    """Seconds left where no session ends."""
    return math.inf


class Progress:
    """The record of one model's training in a folder, which outlives a kill.

    epochs: how many there will be at most, 0: as noted; judgings: how many of them are judged, None: all
    history: figures, a mapping an epoch
    costs: kind of work -> [items, seconds, bytes] each time it was done. Kinds: trained, judged (an epoch's items),
        written (checkpoints of an epoch, and their bytes), cached (items read once), and ``predicted <set>``
    """

    def __init__(self, folder: Path, epochs: int = 0, judgings: int | None = None) -> None:
        self.path = Path(folder) / "progress.json"
        held = json.loads(self.path.read_text()) if self.path.is_file() else {}
        self.epochs: int = epochs or held.get("epochs", 0)
        self.judgings: int = (epochs or held.get("judgings", 0)) if judgings is None else judgings
        self.history: list[dict[str, Any]] = held.get("history", [])
        self.costs: dict[str, list[list[float]]] = held.get("costs", {})

    def note(self, kind: str, items: int, seconds: float, size: int = 0) -> None:
        """So many items took so long, and left so many bytes."""
        self.costs.setdefault(kind, []).append([items, round(seconds, 4), size])

    @contextmanager
    def timed(self, kind: str, items: int, size: Callable[[], int] = lambda: 0) -> Iterator[None]:
        """Notes how long the block took, if it ends well, and then the bytes that it left, as ``size`` tells them.

        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     progress = Progress(Path(folder))
        ...     with progress.timed("judged", items=12):
        ...         pass
        ...     progress.write()
        ...     Progress(Path(folder)).costs["judged"][0][0]
        12
        """
        began = time.monotonic()
        yield
        self.note(kind, items, time.monotonic() - began, size())

    def write(self, history: Sequence[Mapping[str, Any]] | None = None) -> None:
        """Keeps the record on disk; history: in place of what it holds."""
        self.history = list(self.history if history is None else history)
        content = {"epochs": self.epochs, "judgings": self.judgings, "history": self.history, "costs": self.costs}
        with replacing(self.path) as partial:
            partial.write_text(json_text(content, indent=1) + "\n")


@contextmanager
def noted(folder: Path, kind: str, items: int, size: Callable[[], int] = lambda: 0) -> Iterator[None]:
    """:meth:`Progress.timed` in the record of a folder that nobody else holds open; it is on disk when the block ends well.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with noted(Path(folder), "predicted unet_hflip", items=12, size=lambda: 600):
    ...         pass
    ...     Progress(Path(folder)).costs["predicted unet_hflip"][0][::2]
    [12, 600]
    """
    record = Progress(folder)
    with record.timed(kind, items, size):
        yield
    record.write()


def each(notes: Sequence[Sequence[float]]) -> tuple[float, float]:
    """(seconds, bytes) of one item, from all times but the first, which warms up, where there are several.

    >>> each([[100, 60.0, 0], [100, 20.0, 0], [100, 22.0, 0]])
    (0.21, 0.0)
    >>> each([])
    (0.0, 0.0)
    """
    counted = notes[1:] or notes
    items = sum(note[0] for note in counted)
    return (sum(note[1] for note in counted) / items, sum(note[2] for note in counted) / items) if items else (0.0, 0.0)


def outlook(title: str, epoch: float, epochs: int, left: float) -> str:
    """What the first epoch says of the rest. epoch: seconds of one; epochs: how many may follow; left: seconds of the session.

    >>> outlook("unet fold 0", 66.0, 9, 39600.0)
    'unet fold 0: an epoch takes 66 s, 9 more at most 9.9 min; the session has 660.0 min left'
    >>> outlook("unet fold 0", 66.0, 9, 300.0)
    'unet fold 0: an epoch takes 66 s, 9 more at most 9.9 min; the session has only 5.0 min left, another goes on from there'
    """
    text = f"{title}: an epoch takes {_said(epoch)}, {epochs} more at most {_said(epochs * epoch)}"
    if not math.isfinite(left):
        return text
    if left > epochs * epoch:
        return f"{text}; the session has {_said(left)} left"
    return f"{text}; the session has only {_said(left)} left, another goes on from there"


def _said(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.1f} min"
