"""What a kernel's metadata attaches, found at home: where each source would be mounted, and what lies there.

Only what ``kernel-metadata.json`` names is attached, so a source that is forgotten there is missing in
a rehearsal as it would be on Kaggle. An earlier stage's output is what it left below ``runs/``, the
competition is a folder of yours or the built-in sample, datasets are those you name; the wheels are taken
from where ``kaggle-utils wheels`` makes them.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kaggle_utils.platform import runtime
from kaggle_utils.platform.kernels import chain, metadata
from kaggle_utils.platform.rehearsal.session_faults import Finding
from kaggle_utils.platform.wheels.sources import kit_differences
from kaggle_utils.platform.wheels.wheel import Wheel
from kaggle_utils.platform.wheels.wheelhouse import DATASET, described_pythons, faults, read_wheelhouse, wheels_dir

KIT = "kaggle-utils"


@dataclass
class Attachments:
    """mounts: path below Kaggle's folder -> what lies there; stages: stage -> its outputs; findings: what is amiss.

    variant: of the folders in which outputs of this kind of run lie, see :meth:`kaggle_utils.platform.source.Source.variant`
    """

    mounts: dict[str, Path] = field(default_factory=dict)
    stages: dict[str, list[Path]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    variant: str = ""


def attachments(
    stage: chain.Stage, root: Path, content: Mapping, datasets: Mapping[str, Path], variant: str = ""
) -> Attachments:
    """The kernels and datasets that a stage takes; the competition is mounted by :func:`competition_mounts`.

    root: the folder of kernels; content: the stage's metadata; datasets: ``owner/slug`` -> folder
    Raises NotAttached when an earlier stage has left no output here.
    """
    found = Attachments(variant=variant)
    for source in content.get("kernel_sources", []):
        _kernel(found, source, {other.name: other for other in chain.stages(stage.competition, root)})
    for source in content.get("dataset_sources", []):
        _dataset(found, source, datasets)
    return found


def _kernel(found: Attachments, source: str, chained: Mapping[str, chain.Stage]) -> None:
    owner, slug = source.split("/")[:2]
    if slug not in chained:
        found.findings.append(Finding(f"{source} is not simulated: its output is not here", fatal=False))
        return
    stage = chained[slug]
    found.stages[stage.runs_as] = runtime.stage_dirs(stage.competition, stage.runs_as, found.variant)
    for folder in found.stages[stage.runs_as]:
        kernel = runtime.kernel_slug(stage.competition, folder.name)
        found.mounts[f"input/notebooks/{_owner(owner)}/{kernel}"] = folder


def _dataset(found: Attachments, source: str, datasets: Mapping[str, Path]) -> None:
    owner, slug = source.split("/")[:2]
    usual = wheels_dir() if slug == DATASET else None
    folder = datasets.get(f"{owner}/{slug}", datasets.get(slug, usual))
    if folder is None or not folder.is_dir():
        how = "the kit of this checkout is used" if slug == DATASET else f"give its folder with --dataset {slug}=DIR"
        where = f"in {folder}" if folder else "here"
        found.findings.append(Finding(f"the dataset {slug} is not {where}, {how}", fatal=False))
        return
    if slug == DATASET:
        found.findings += _about_wheels(folder)
        here = platform.python_version().rpartition(".")[0]
        pythons = described_pythons(folder)
        if here not in pythons:
            why = f"this is Python {here}, the wheels are for {' and '.join(pythons)}: looked at, not installed"
            found.findings.append(Finding(why, fatal=False))
            return
    found.mounts[f"input/datasets/{_owner(owner)}/{slug}"] = folder


def _about_wheels(folder: Path) -> list[Finding]:
    wheels = read_wheelhouse(folder)
    stale = [_stale(w, differ) for w in wheels if w.name == KIT and (differ := kit_differences(w.path))]
    return [Finding(fault) for fault in faults(wheels, described_pythons(folder))] + stale


def _stale(wheel: Wheel, differ: Sequence[str]) -> Finding:
    """The checkout's own kit is what a rehearsal runs, a session on Kaggle runs the wheel's."""
    more = f" and {len(differ) - 1} more" if len(differ) > 1 else ""
    what = f"{wheel.path.name} is not the kit of this checkout, which is rehearsed: {differ[0]}{more} differ"
    return Finding(f"{what}. `kaggle-utils wheels --push` before you push the notebook", fatal=False)


def _owner(name: str) -> str:
    return "me" if name == metadata.OWNER else name


def competition_mounts(slug: str, folder: Path, swapped: Path | None = None) -> dict[str, Path]:
    """Where the competition's files are mounted; entries of ``swapped`` take the place of those of ``folder``."""
    place = f"input/competitions/{slug}"
    if swapped is None:
        return {place: folder}
    entries = {path.name: path for side in (folder, swapped) for path in side.iterdir()}
    return {f"{place}/{name}": path for name, path in sorted(entries.items())}
