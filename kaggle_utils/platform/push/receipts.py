"""What was pushed last, by account and kernel, so that the next stage and a later shell know.

A receipt is a small JSON file under ``runs/kaggle/pushed``. A stage fanned out by fold leaves one
receipt with a kernel per fold; the stage after it takes them all. Pushing one fold again with
otherwise the same settings replaces that fold, any other push replaces the receipt. It also notes
which folds of a fan-out Kaggle has not taken yet. Several pushes may run at once.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, astuple, dataclass, field
from pathlib import Path

from kaggle_utils.files import locked, replacing
from kaggle_utils.platform.push.kernels import Pushed
from kaggle_utils.platform.push.stamping import FANNED, Stamp


@dataclass
class Receipt:
    """The last push of a stage.

    fanned: whether it has a kernel for each fold
    settings: parameter -> value as Python source, without the fold of a fan-out
    accelerator: machine in place of the declared one, of the push that came last
    kernels: what Kaggle took, in order of the names; unsent: folds that it has not taken yet
    home: kernel -> the version whose outputs were fetched
    """

    fanned: bool = False
    settings: dict[str, str] = field(default_factory=dict)
    accelerator: str | None = None
    kernels: list[Pushed] = field(default_factory=list)
    unsent: list[int] = field(default_factory=list)
    home: dict[str, int] = field(default_factory=dict)

    def values(self) -> dict[str, object]:
        """The settings as Python values.

        >>> Receipt(settings={"imgsz": "1280", "model": "'yolo11n'"}).values()
        {'imgsz': 1280, 'model': 'yolo11n'}
        """
        return {name: ast.literal_eval(text) for name, text in self.settings.items()}

    def given(self, name: str) -> set[str]:
        """The values that a parameter was given, as Python source; the folds of a fan-out are several.

        >>> Receipt(settings={"imgsz": "1280"}).given("imgsz")
        {'1280'}
        """
        if not (self.fanned and name == FANNED):
            return {text for key, text in self.settings.items() if key == name}
        sent = {kernel.kernel.rpartition(f"-{FANNED}")[2] for kernel in self.kernels}
        return sent | {str(fold) for fold in self.unsent}


def receipt_file(runs: Path, owner: str, name: str) -> Path:
    """Where the receipt of a stage lies; runs: the folder of runs.

    >>> receipt_file(Path("runs"), "me", "reef-2-train").as_posix()
    'runs/kaggle/pushed/me/reef-2-train.json'
    """
    return runs / "kaggle" / "pushed" / owner / f"{name}.json"


def recall(runs: Path, owner: str, name: str) -> Receipt:
    """What was pushed last for the stage `name`; an empty receipt when nothing was."""
    path = receipt_file(runs, owner, name)
    if not path.is_file():
        return Receipt()
    found = json.loads(path.read_text(encoding="utf-8"))
    return Receipt(**found | {"kernels": [Pushed(*kernel) for kernel in found["kernels"]]})


def record(runs: Path, name: str, pushed: Pushed, stamp: Stamp, unsent: Sequence[Stamp] = ()) -> None:
    """Notes that Kaggle took a kernel of the stage `name`.

    stamp: as it was sent; unsent: those that are still to be sent of the same fan-out
    """
    fanned = bool(stamp.suffix)
    settings = {key: repr(value) for key, value in sorted(stamp.values.items()) if not fanned or key != FANNED}
    with _held(runs, stamp.owner, name) as before:
        together = fanned and before.fanned and before.settings == settings
        now = before if together else Receipt(fanned, settings)
        now.accelerator = stamp.accelerator
        now.kernels = sorted([*_without(now.kernels, pushed), pushed], key=lambda kernel: kernel.kernel)
        folds = {*now.unsent, *(other.values[FANNED] for other in unsent)} if fanned else set()
        now.unsent = sorted(folds - {stamp.values.get(FANNED)})
        _write(receipt_file(runs, stamp.owner, name), now)


def fetched(runs: Path, owner: str, name: str, kernel: Pushed) -> None:
    """Notes that the outputs of this version of a kernel of the stage `name` have come home."""
    with _held(runs, owner, name) as now:
        now.home[kernel.kernel] = kernel.version
        _write(receipt_file(runs, owner, name), now)


def _without(kernels: Sequence[Pushed], replaced: Pushed) -> list[Pushed]:
    return [kernel for kernel in kernels if kernel.kernel != replaced.kernel]


@contextmanager
def _held(runs: Path, owner: str, name: str) -> Iterator[Receipt]:
    """The receipt, while no other process can change it."""
    path = receipt_file(runs, owner, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path.with_suffix(".lock"), "w") as lock, locked(lock):
        yield recall(runs, owner, name)


def _write(path: Path, content: Receipt) -> None:
    told = asdict(content) | {"kernels": [list(astuple(kernel)) for kernel in content.kernels]}
    with replacing(path) as part:
        part.write_text(json.dumps(told, indent=2), encoding="utf-8")
