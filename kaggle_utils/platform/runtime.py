"""Where a notebook runs, where its files lie and how long it may go on.

The only module that knows ``/kaggle``. On Kaggle inputs are mounted read-only, in one of two layouts
(``input/competitions/<slug>``, ``input/notebooks/<owner>/<slug>``, ``input/datasets/<owner>/<slug>``
today, ``input/<slug>`` before and now and then still), outputs go to ``working`` and ``temp`` is
thrown away. At home the same calls give folders below ``runs/``. What is known of the platform:
``KAGGLE_KERNEL_RUN_TYPE`` is Interactive or Batch, ``KAGGLE_IS_COMPETITION_RERUN`` is set only while
the hidden test is scored; :class:`Limits` is what a session may use.

Environment variables of the kit (all optional):
``KAGGLE_UTILS_INPUT`` at home, a folder laid out like ``/kaggle/input``, or one competition's folder;
``KAGGLE_UTILS_HIDDEN`` frames that the emulated time-series API serves as the hidden test;
``KAGGLE_UTILS_RUNS`` at home, where stages write and read, default ``runs``, in the checkout its own;
``KAGGLE_UTILS_PYTHON37`` an interpreter of CPython 3.7 for reef's API, in place of the packed one;
``KAGGLE_UTILS_DEADLINE`` Unix time in seconds at which the session ends;
``KAGGLE_UTILS_KAGGLE_ROOT`` in place of ``/kaggle``.
"""

from __future__ import annotations

import math
import os
import platform
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from kaggle_utils.platform.gpu import check_gpu, gpus  # noqa: F401 - asked of this module as well

CHECKOUT = Path(__file__).resolve().parents[2]  # where the package lies, and at home notebooks and kernels beside it
KAGGLE = Path("/kaggle")  # where Kaggle mounts input, working and temp
SESSION_HOURS, RERUN_HOURS = 12.0, 9.0
WEEK_HOURS = 30.0  # of GPUs, an account
FANNED_OUT = r"(-fold\d+|-by(-[a-z0-9]+)+)?"  # behind a stage's name, where several kernels run it


@dataclass(frozen=True)
class Limits:
    """What a session may use: hours, and bytes of memory, of one card's memory and of output.

    That a machine has about 29 GB of memory is said by Kaggle's documentation of notebooks.

    >>> Limits.rerun().hours, Limits().hours
    (9.0, 12.0)
    """

    hours: float = SESSION_HOURS
    host: float = 29e9
    card: float = 16e9
    output: float = 20e9

    @classmethod
    def rerun(cls) -> Limits:
        """Those of a submission's rerun on the hidden test."""
        return cls(hours=RERUN_HOURS)


class NotAttached(FileNotFoundError):
    """An input that should be there is not; the text says what is and how to attach it."""


def place() -> str:
    """``"interactive"`` or ``"batch"`` on Kaggle, ``"home"`` anywhere else."""
    run_type = os.environ.get("KAGGLE_KERNEL_RUN_TYPE")
    if run_type is None:
        return "home"
    return "interactive" if run_type.lower() == "interactive" else "batch"


def is_rerun() -> bool:
    """True while Kaggle scores a submission on the hidden test."""
    return os.environ.get("KAGGLE_IS_COMPETITION_RERUN") is not None


def input_root() -> Path | None:
    """The folder inputs are attached in; at home ``KAGGLE_UTILS_INPUT``, or None where it is not set.

    Raises NotAttached when that variable names a folder that does not exist.
    """
    if place() != "home":
        return _kaggle("input")
    return _given_folder("KAGGLE_UTILS_INPUT", "a folder")


def attached() -> list[str]:
    """What is attached, as paths relative to the input folder, in both layouts; sorted.

    A competition is ``competitions/<slug>``, a dataset ``datasets/<owner>/<slug>``, an earlier
    notebook ``notebooks/<owner>/<slug>``; in the old layout each is just ``<slug>``.
    """
    root = input_root()
    if root is None or not root.is_dir():
        return []
    depth = {"competitions": "*", "datasets": "*/*", "notebooks": "*/*", "models": "*/*/*/*/*"}
    found = [p for top in root.iterdir() for p in (top.glob(depth[top.name]) if top.name in depth else [top])]
    return sorted(p.relative_to(root).as_posix() for p in found)


def competition_dir(slug: str, instead: Sequence[str] = ()) -> Path | None:
    """The folder of a competition's files, e.g. of ``tensorflow-great-barrier-reef``.

    instead: slugs of datasets that hold them as well, unpacked say: where one is attached, or one that is called as the
        competition is, it comes before the competition
    At home None where ``KAGGLE_UTILS_INPUT`` does not lead to it, so that a notebook can take the
    built-in sample (and say so). On Kaggle raises NotAttached with a list of what is attached.
    """
    root = input_root()
    if root is not None:
        datasets = [place for name in (*instead, slug) for place in sorted(root.glob(f"datasets/*/{name}"))]
        for folder in (*datasets, *(root / name for name in instead), root / "competitions" / slug, root / slug):
            if folder.is_dir():
                return folder
    if place() != "home":
        raise NotAttached(_missing(f"the competition {slug!r}", f'"competition_sources": ["{slug}"]'))
    return root if root is not None and any(p.is_file() for p in root.iterdir()) else None


def kernel_slug(competition: str, stage: str) -> str:
    """The name on Kaggle of the notebook that runs a stage.

    >>> kernel_slug("reef", "1_eda")
    'reef-1-eda'
    """
    return f"{competition}-{stage}".replace("_", "-")


def stage_dirs(competition: str, stage: str, variant: str = "") -> list[Path]:
    """The output folders of an earlier stage, several when kernels shared its work, in the order of names and numbers.

    At home ``runs/<competition><variant>/<stage>`` and ``<stage>-<anything>`` beside it, such as ``2_train-fold3``. On
    Kaggle the attached notebooks (or datasets) called ``<competition>-<stage>`` or ``...-<anything>``, in either layout.
    variant: of results that never meet the others' in one folder at home, such as ``-sample``
    Raises NotAttached when there is none.
    """
    if place() == "home":
        found = _with_suffixes(runs_dir() / f"{competition}{variant}", stage)
        how = f"run stage {stage} of {competition} first, or set KAGGLE_UTILS_RUNS (now {str(runs_dir())!r})"
        problem = f"no output of stage {stage} of {competition}{variant}: {how}"
    else:
        slug = kernel_slug(competition, stage)
        root = _kaggle("input")
        parents = [root, *root.glob("notebooks/*"), *root.glob("datasets/*")]
        found = [folder for parent in parents for folder in _with_suffixes(parent, slug)]
        problem = _missing(f"the output of notebook {slug!r}", f'"kernel_sources": ["<owner>/{slug}"]')
    if not found:
        raise NotAttached(problem)
    return sorted(found, key=_natural)


def stage_dir(competition: str, stage: str, variant: str = "") -> Path:
    """The one output folder of an earlier stage: that without a suffix, if it is there.

    NotAttached when there is none, ValueError for several.
    """
    found = stage_dirs(competition, stage, variant)
    plain = [path for path in found if path.name in (stage, kernel_slug(competition, stage))]
    if len(plain or found) > 1:
        names = ", ".join(p.name for p in found)
        raise ValueError(f"stage {stage} of {competition} left {len(found)} outputs ({names}), expected one")
    return (plain or found)[0]


def output_dir(competition: str, stage: str, variant: str = "") -> Path:
    """Where a stage writes: Kaggle's working folder, or ``runs/<competition><variant>/<stage>`` at home; created."""
    return _made(runs_dir() / f"{competition}{variant}" / stage if place() == "home" else _kaggle("working"))


def temp_dir() -> Path:
    """A folder for what need not be kept: Kaggle's temp folder, or ``runs/temp`` at home; created."""
    return _made(runs_dir() / "temp" if place() == "home" else _kaggle("temp"))


def sample_dir(competition: str) -> Path:
    """Where a competition's built-in sample is made, at home: ``runs/samples/<competition>``."""
    return runs_dir() / "samples" / competition


def runs_dir() -> Path:
    """Where stages write and read at home: ``KAGGLE_UTILS_RUNS``, else ``runs``; anywhere in the checkout, the checkout's.

    A notebook that is opened in its own folder finds what the command line made at the root, and the other way round.
    """
    at = os.path.relpath(CHECKOUT / "runs") if Path.cwd().is_relative_to(CHECKOUT) else "runs"
    return Path(os.environ.get("KAGGLE_UTILS_RUNS", at))


def hidden_dir() -> Path | None:
    """A folder of frames to serve as the hidden test, named by ``KAGGLE_UTILS_HIDDEN``; None without."""
    return _given_folder("KAGGLE_UTILS_HIDDEN", "a folder of frames")


def diary_file() -> Path:
    """The diary of experiments: ``runs/diary.jsonl`` at home, in the working folder on Kaggle."""
    return (runs_dir() if place() == "home" else _kaggle("working")) / "diary.jsonl"


def deadline() -> float:
    """Unix time in seconds at which the session ends; ``inf`` at home.

    Counted from the first call (the bootstrap cell makes it) and noted in ``KAGGLE_UTILS_DEADLINE``,
    so that worker processes share it. What a session spent before that cell is not known: leave
    some minutes. Raises ValueError when the variable is not a number.
    """
    given = os.environ.get("KAGGLE_UTILS_DEADLINE")
    if given is None and place() == "home":
        return math.inf
    if given is None:
        given = str(time.time() + 3600 * (RERUN_HOURS if is_rerun() else SESSION_HOURS))
        os.environ["KAGGLE_UTILS_DEADLINE"] = given
    try:
        return float(given)
    except ValueError:
        raise ValueError(f"KAGGLE_UTILS_DEADLINE is {given!r}, expected Unix time in seconds") from None


def seconds_left() -> float:
    """Seconds until the deadline, ``inf`` at home, below 0 when it has passed."""
    return deadline() - time.time()


def describe() -> str:
    """One line: where this runs, Python, torch, GPUs, and when the session ends.

    A notebook opens with it, so that a result can be traced by the log. On Kaggle, for instance ``Kaggle (batch,
    rerun) | Python 3.13.15 | torch 2.11.0+cu128 | 2 x Tesla T4 | ends 18:30 UTC, 9.0 h left``.
    """
    where = "at home" if place() == "home" else f"Kaggle ({place()}{', rerun' if is_rerun() else ''})"
    versions = f"Python {platform.python_version()} | torch {metadata.version('torch')}"
    return f"{where} | {versions} | {_cards()} | {_end(deadline())}"


def _cards() -> str:
    names = [card.name for card in gpus()]
    return ", ".join(f"{names.count(name)} x {name}" for name in dict.fromkeys(names)) or "no GPU"


def _end(ends: float) -> str:
    if math.isinf(ends):
        return "no deadline"
    return f"ends {time.strftime('%H:%M', time.gmtime(ends))} UTC, {(ends - time.time()) / 3600:.1f} h left"


def _given_folder(variable: str, expected: str) -> Path | None:
    given = os.environ.get(variable)
    if given and not Path(given).is_dir():
        raise NotAttached(f"{variable} is {given!r}, expected {expected}")
    return Path(given) if given else None


def _kaggle(folder: str) -> Path:
    return Path(os.environ.get("KAGGLE_UTILS_KAGGLE_ROOT", KAGGLE)) / folder


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _with_suffixes(parent: Path, name: str) -> list[Path]:
    return [p for p in parent.glob(name + "*") if p.is_dir() and re.fullmatch(r"(-[a-z0-9]+)*", p.name[len(name) :])]


def _natural(folder: Path) -> tuple[list[tuple[int, str]], str]:
    """fold2 before fold10, and the name itself before those with suffixes."""
    parts = re.findall(r"\d+|\D+", folder.name)
    return [(int(part), "") if part.isdigit() else (-1, part) for part in parts], str(folder)


def _missing(what: str, key: str) -> str:
    there = ", ".join(attached()) or "nothing"
    return f"{what} is not attached; attached: {there}. Add it in the notebook's Input pane or as {key} in its metadata"
