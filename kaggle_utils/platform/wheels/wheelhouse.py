"""The dataset of wheels: the kit, and whatever it needs that Kaggle's image lacks.

Nobody keeps a list of companions by hand. From the kit's own wheel the requirements are followed,
marker by marker, for each of Kaggle's Pythons; what the image holds is left to the image, the rest is
fetched, so a new release of ultralytics that asks for one package more brings it along, and one that
asks for more than the image has is passed over for the last that does not. Then the folder
is judged as it lies there: every requirement met by a wheel or by the image (or excused, with a
reason, in the image's table), nothing that would replace a package of the image, names that survive
Kaggle's upload. ``gpu="p100"`` adds the last torch on the index that has kernels for sm_60, ``python37`` a
CPython 3.7 for reef's API.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from kaggle_utils.files import swap
from kaggle_utils.platform import runtime
from kaggle_utils.platform.wheels import python37 as interpreter
from kaggle_utils.platform.wheels import sources as wheel_sources
from kaggle_utils.platform.wheels.attached import belongs_to_torch
from kaggle_utils.platform.wheels.image import PYTHONS, image
from kaggle_utils.platform.wheels.sources import Fetch, NoWheel
from kaggle_utils.platform.wheels.wheel import Wheel, read_wheel

DATASET = "kaggle-utils-wheels"
METADATA = "dataset-metadata.json"
_RELEASES = 12  # how many are looked at before it is said that none will do
GPUS = {"p100": ("torch==2.7.1", "torchvision==0.22.1")}  # CUDA 12.6 builds; 2.8 and later start at sm_70


class Incomplete(ValueError):
    """The folder of wheels would fail on Kaggle; the text lists every fault."""


def build(
    folder: Path,
    owner: str,
    pythons: Sequence[str] = PYTHONS,
    gpu: str | None = None,
    also: Iterable[str] = (),
    fetch: Fetch = wheel_sources.download,
    kit: Callable[[Path], Path] = wheel_sources.kit_wheel,
    python37: Path | None = None,
) -> list[Wheel]:
    """Makes the dataset's folder anew and returns its wheels by name; nothing is replaced on a failure.

    folder: a new or empty one, or one that was made here; ValueError for any other, which is left alone.
    owner: the Kaggle user the dataset belongs to. pythons: of :data:`image.PYTHONS`. gpu: a key of
    :data:`GPUS` or None. also: requirements beyond the kit's. fetch, kit: where wheels come from, to
    be given in tests. python37: the prefix of a CPython 3.7 to pack, or None. Raises Incomplete with the
    faults, NoWheel for a wheel that is nowhere, Unfit for a CPython 3.7 that cannot be packed.
    """
    if gpu is not None and gpu not in GPUS:
        raise ValueError(f"gpu is {gpu!r}, expected one of {', '.join(GPUS)}, or None")
    folder = folder.absolute()
    _refuse_a_foreign(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as scratch:
        part = Path(scratch, "new")
        start = read_wheel(kit(part))
        bring = partial(_fetched, pythons=pythons, folder=part, fetch=fetch)
        for python in pythons:
            _gather(part, start, python, [*also, *(GPUS[gpu] if gpu else ())], bring)
        if python37 is not None:
            interpreter.pack(python37, part, fetch)
        wrong = faults(read_wheelhouse(part), pythons)
        if wrong:
            raise Incomplete("\n".join(wrong))
        (part / METADATA).write_text(json.dumps(describe_dataset(owner, pythons), indent=2) + "\n")
        _refuse_a_foreign(folder)  # once more: to build takes half a minute
        swap(part, folder, Path(scratch, "old"))
    return read_wheelhouse(folder)


def wheels_dir() -> Path:
    """Where the dataset is made unless a folder is named: ``wheels`` beside what stages leave."""
    return runtime.runs_dir() / "wheels"


def read_wheelhouse(folder: Path) -> list[Wheel]:
    """The wheels of a folder by name; ValueError for a file that is none (the metadata apart)."""
    return [read_wheel(path) for path in sorted(folder.iterdir()) if path.name != METADATA]


def describe_dataset(owner: str, pythons: Sequence[str]) -> dict:
    """What ``dataset-metadata.json`` says; title, slug and subtitle keep Kaggle's limits.

    >>> describe_dataset("me", ["3.13"])["subtitle"]
    "What Kaggle's image lacks, as wheels for Python 3.13"
    """
    return {
        "title": "kaggle-utils wheels",
        "id": f"{owner}/{DATASET}",
        "subtitle": f"What Kaggle's image lacks, as wheels for Python {' and '.join(pythons)}",
        "licenses": [{"name": "other"}],  # each wheel carries its own
    }


def described_pythons(folder: Path) -> tuple[str, ...]:
    """The Pythons that a folder of wheels was made for, as its subtitle has them; all where it names none."""
    path = folder / METADATA
    subtitle = json.loads(path.read_text()).get("subtitle", "") if path.is_file() else ""
    return tuple(python for python in PYTHONS if python in subtitle) or PYTHONS


def faults(wheels: Sequence[Wheel], pythons: Sequence[str]) -> list[str]:
    """What would go wrong with these wheels on Kaggle, a sentence each; empty when nothing would."""
    found = [
        f"{w.path.name} would be renamed by the upload" for w in wheels if not re.fullmatch(r"[A-Za-z0-9_.-]+", w.path.name)
    ]
    for python in pythons:
        found += _replacements(wheels, python) + _misfits(wheels, python) + _unmet(wheels, python)
    return list(dict.fromkeys(found))


def _refuse_a_foreign(folder: Path) -> None:
    """ValueError unless the folder is missing, empty, or holds a dataset that was made here and nothing else."""
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"the folder for the wheels is {str(folder)!r}, expected a folder and not a file")
    names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    foreign = [name for name in names if name != METADATA and not name.endswith(".whl")]
    if foreign or (names and METADATA not in names):
        what = foreign[0] if foreign else f"{names[0]} and no {METADATA}"
        raise ValueError(f"the folder for the wheels, {str(folder)!r}, is made anew and holds {what}: expected an empty one")


def _gather(folder: Path, kit: Wheel, python: str, asked: Iterable[str], bring: Callable[[Requirement, str], Wheel]) -> None:
    """Brings into the folder what the kit and the asked requirements need beyond the image; asked may have the kit's extras."""
    have = {wheel.name for wheel in read_wheelhouse(folder) if wheel.fits(python)}
    held = image(python).versions
    wanted_too = [*map(Requirement, asked)]
    extras = {extra for one in wanted_too if canonicalize_name(one.name) == kit.name for extra in one.extras}
    queue = deque([*wanted_too, *kit.needs(python, sorted(extras))])
    pinned = {canonicalize_name(one.name) for one in wanted_too}
    while queue:
        wanted = queue.popleft()
        name = canonicalize_name(wanted.name)
        if name in have or (name in held and name not in pinned):
            continue
        wheel = bring(wanted, python)
        have.add(wheel.name)
        queue.extend(wheel.needs(python, wanted.extras))


def _fetched(wanted: Requirement, python: str, pythons: Sequence[str], folder: Path, fetch: Fetch) -> Wheel:
    """The newest release that the image's versions are enough for; the newest of all where the last few ask for more.

    Its wheel serves all of ``pythons`` that it fits, and is not fetched again for them.
    """
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        tried = [read_wheel(fetch(f"{wanted.name}{wanted.specifier}", python, Path(scratch, "0")))]
        while _beyond_the_images(tried[-1], wanted, pythons) and len(tried) < _RELEASES:
            older = wanted.specifier & SpecifierSet(f"<{tried[-1].version}")
            try:
                tried.append(read_wheel(fetch(f"{wanted.name}{older}", python, Path(scratch, str(len(tried))))))
            except NoWheel:
                break
        chosen = tried[0] if _beyond_the_images(tried[-1], wanted, pythons) else tried[-1]
        return read_wheel(Path(shutil.move(chosen.path, folder)))


def _beyond_the_images(wheel: Wheel, wanted: Requirement, pythons: Sequence[str]) -> bool:
    return any(_beyond_the_image(wheel, wanted, python) for python in pythons if wheel.fits(python))


def _beyond_the_image(wheel: Wheel, wanted: Requirement, python: str) -> bool:
    """Whether it requires another version of a package than the image holds."""
    ours = image(python)
    asked = [need for need in wheel.needs(python, wanted.extras) if canonicalize_name(need.name) in ours.versions]
    return not all(_met(need, [], python) or ours.excuses(wheel.name, canonicalize_name(need.name)) for need in asked)


def _replacements(wheels: Sequence[Wheel], python: str) -> list[str]:
    held = image(python).versions
    return [
        f"{w.path.name} would replace {w.name} {held[w.name] or ''}".rstrip() + f" of the image (Python {python})"
        for w in wheels
        if w.name in held and not belongs_to_torch(w.name)
    ]


def _misfits(wheels: Sequence[Wheel], python: str) -> list[str]:
    fitting = {w.name for w in wheels if w.fits(python)}
    return [f"{w.path.name} does not fit Python {python}" for w in wheels if w.name not in fitting]


def _unmet(wheels: Sequence[Wheel], python: str) -> list[str]:
    ours = [wheel for wheel in wheels if wheel.fits(python)]
    return [
        f"{wheel.name} {wheel.version} requires {wanted}, {_what_is_there(wanted, ours, python)} (Python {python})"
        for wheel in ours
        for wanted in wheel.needs(python)
        if not _met(wanted, ours, python) and not image(python).excuses(wheel.name, canonicalize_name(wanted.name))
    ]


def _met(wanted: Requirement, ours: Sequence[Wheel], python: str) -> bool:
    """By a wheel or by the image; where the image's version is not known, being there is enough."""
    held, name = image(python).versions, canonicalize_name(wanted.name)
    versions = [w.version for w in ours if w.name == name] + ([held[name]] if name in held else [])
    return any(v is None or wanted.specifier.contains(v, prereleases=True) for v in versions)


def _what_is_there(wanted: Requirement, ours: Sequence[Wheel], python: str) -> str:
    held, name = image(python).versions, canonicalize_name(wanted.name)
    there = [f"the wheels have {w.version}" for w in ours if w.name == name]
    there += [f"the image has {held[name]}"] if held.get(name) else []
    return " and ".join(there) or "which neither the wheels nor the image have"
