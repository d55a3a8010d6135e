"""How to push."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kaggle_utils.platform.runtime import runs_dir


@dataclass(frozen=True)
class Order:
    """How to push.

    owner: account; None asks the environment and the client's credentials
    accelerator: machine in place of the declared one, see :data:`metadata.ACCELERATORS`, or ``none``
    overrides: texts ``name=value``; ``fold=0..4`` makes a kernel per fold, ``member=unet,fpn`` one per member
    wait: wait for room, for the end, and fetch the outputs; ``files``: only names matching this expression
    submit: wait, then submit the finished version, described by ``message``
    again: send also what Kaggle has already; run: False only saves
    kernels, runs: the folders of kernels and of runs
    poll_s: first pause between two looks, in seconds
    report: called with each line of news; progress: show a bar while waiting
    Raises ValueError for ``files`` that is no regular expression, for no pause at all, and for what only saves
    and is waited for.
    """

    owner: str | None = None
    accelerator: str | None = None
    overrides: Sequence[str] = ()
    wait: bool = False
    files: str | None = None
    submit: bool = False
    message: str = ""
    again: bool = False
    run: bool = True
    kernels: Path | None = None
    runs: Path = field(default_factory=runs_dir)
    poll_s: float = 5.0
    report: Callable[[str], None] = lambda line: None
    progress: bool = False

    def __post_init__(self) -> None:
        if not self.poll_s > 0:
            raise ValueError(f"the first pause between looks (--poll) is {self.poll_s:g} s, expected more than 0")
        if self.waits and not self.run:
            raise ValueError("--no-run only saves, so there is nothing to wait for or to submit")
        try:
            re.compile(self.files or "")
        except re.error as error:
            raise ValueError(f"--files is {self.files!r}, expected a regular expression: {error}") from None

    @property
    def waits(self) -> bool:
        """Whether the end of the kernels is waited for."""
        return self.wait or self.submit

    @property
    def locks(self) -> Path:
        """The folder of locks, which keep two pushes of one kernel apart, whatever folders they are typed in."""
        return Path.home() / ".cache/kaggle-utils/locks"
