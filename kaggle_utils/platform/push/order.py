"""How to push, and what that comes to for one stage: a stamp for each kernel that is to be sent."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from kaggle_utils.platform import parameters
from kaggle_utils.platform.push import metadata, receipts
from kaggle_utils.platform.push.chain import Stage
from kaggle_utils.platform.push.receipts import Receipt
from kaggle_utils.platform.push.stamping import FANNED, Stamp, stamped
from kaggle_utils.platform.runtime import runs_dir


@dataclass(frozen=True)
class Order:
    """How to push.

    owner: account; None asks the environment and the client's credentials
    accelerator: machine in place of the declared one, see :data:`metadata.ACCELERATORS`, or ``none``
    overrides: texts ``name=value``; ``fold=0..4`` makes a kernel per fold
    wait: wait for room, for the end, and fetch the outputs; ``files``: only names matching this expression
    submit: wait, then submit the finished version, described by ``message``
    resume: go on with the last push of this kernel (send what was not, wait, fetch, submit)
    kernels, runs: the folders of kernels and of runs
    poll_s: first pause between two looks, in seconds
    report: called with each line of news; progress: show a bar while waiting
    whole: the order for this stage and those after it, where it is part of a walk
    Raises ValueError for ``files`` that is no regular expression and for no pause at all.
    """

    owner: str | None = None
    accelerator: str | None = None
    overrides: Sequence[str] = ()
    wait: bool = False
    files: str | None = None
    submit: bool = False
    message: str = ""
    resume: bool = False
    kernels: Path | None = None
    runs: Path = field(default_factory=runs_dir)
    poll_s: float = 5.0
    report: Callable[[str], None] = lambda line: None
    progress: bool = False
    whole: Order | None = None

    def __post_init__(self) -> None:
        if not self.poll_s > 0:
            raise ValueError(f"the first pause between looks (--poll) is {self.poll_s:g} s, expected more than 0")
        try:
            re.compile(self.files or "")
        except re.error as error:
            raise ValueError(f"--files is {self.files!r}, expected a regular expression: {error}") from None

    @property
    def waits(self) -> bool:
        """Whether the end of the kernels is waited for."""
        return self.wait or self.submit


def stamps(found: Stage, order: Order, sources: Mapping[str, Sequence[str]]) -> list[Stamp]:
    """One for each kernel to push, each tried on a temporary copy, so that none fails after the first is sent.

    sources: what was pushed for earlier stages, see :func:`earlier_kernels`. Raises ValueError for what
    cannot be pushed in this way.
    """
    wide = parameters.ranges(order.overrides)
    if wide - {FANNED}:
        raise ValueError(f"{', '.join(sorted(wide))} cannot be fanned out, only {FANNED} can: stages find their folds")
    every = parameters.fan_out(order.overrides)
    if wide and every[0][FANNED] < 0:
        raise ValueError(f"{FANNED} {every[0][FANNED]} cannot be pushed: folds are numbered from 0")
    made = [_stamp(order.owner, values, bool(wide), order.accelerator, sources) for values in every]
    return _tried(found, made)


def tried_at_home(found: Stage, order: Order) -> list[Stamp]:
    """The stamps of :func:`stamps` without asking Kaggle who pushes, and with no earlier stage's kernels."""
    owner = order.owner or os.environ.get("KAGGLE_USERNAME") or metadata.OWNER
    made = stamps(found, replace(order, owner=owner), {})
    refuse_several(found, len(made), order)
    return made


def refuse_several(found: Stage, kernels: int, order: Order) -> None:
    """Raises ValueError where several kernels are to be submitted."""
    if order.submit and kernels != 1:
        raise ValueError(f"{found.name} is {kernels} kernels, only one can be submitted")


def _stamp(owner: str, values: Mapping, fanned: bool, accelerator: str | None, sources: Mapping) -> Stamp:
    return Stamp(owner, values, f"{FANNED}{values[FANNED]}" if fanned else "", accelerator, sources)


def _tried(found: Stage, made: list[Stamp]) -> list[Stamp]:
    for stamp in made:
        with stamped(found.folder, stamp):
            pass
    return made


def unsent_stamps(found: Stage, order: Order, last: Receipt, sources: Mapping[str, Sequence[str]]) -> list[Stamp]:
    """One for each fold of the last push that Kaggle has not taken yet."""
    every = ({**last.values(), FANNED: fold} for fold in last.unsent)
    return _tried(found, [_stamp(order.owner, values, True, last.accelerator, sources) for values in every])


def earlier_kernels(content: Mapping, order: Order) -> dict[str, list[str]]:
    """Name of an earlier stage -> the kernels that were pushed from here for it, where there are any.

    Raises ValueError for a stage some of whose folds were never sent: they would be missed in silence.
    """
    names = [source.split("/")[1] for source in content.get("kernel_sources", [])]
    found = {name: receipts.recall(order.runs, order.owner, name) for name in names}
    for name, last in found.items():
        if last.unsent:
            note = receipts.receipt_file(order.runs, order.owner, name)
            how = f"`{resume_command(Order(order.owner, kernels=order.kernels), name)}` sends them"
            raise ValueError(f"{name}: {folds(last.unsent)} not sent yet; {how} (noted in {note})")
    return {name: [kernel.kernel for kernel in last.kernels] for name, last in found.items() if last.kernels}


def resume_command(order: Order, name: str) -> str:
    """What to type to go on with the last push of the stage `name`, and with the stages after it in a walk.

    >>> resume_command(Order("team", wait=True, files="csv$", overrides=["imgsz=1280"]), "reef-2-train")
    "kaggle-utils push reef-2-train --resume --wait --owner team --files 'csv$'"
    >>> walked = Order("team", overrides=["imgsz=1280"])
    >>> resume_command(replace(walked, whole=walked), "reef-2-train")
    'kaggle-utils push reef-2-train --all --resume --owner team --set imgsz=1280'
    """
    asked = order.whole or order
    flags = {"--all": order.whole, "--resume": True, "--wait": asked.wait and not order.whole, "--submit": asked.submit}
    options = {"--owner": order.owner, "--kernels": asked.kernels, "--files": asked.files, "--message": asked.message}
    if order.whole:
        options |= {"--accelerator": asked.accelerator}
    words = [flag for flag, given in flags.items() if given]
    words += [word for option, value in options.items() if value for word in (option, str(value))]
    words += ["--set", *asked.overrides] if order.whole and asked.overrides else []
    return shlex.join(["kaggle-utils", "push", name, *words])


def folds(numbers: Iterable[int]) -> str:
    """Folds in words.

    >>> folds([2, 3, 4]), folds([2])
    ('folds 2, 3, 4 were', 'fold 2 was')
    """
    told = [str(number) for number in numbers]
    return f"fold {told[0]} was" if len(told) == 1 else f"folds {', '.join(told)} were"
