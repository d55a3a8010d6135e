"""The kernels of a competition as a chain of stages, each taking what earlier ones wrote.

A kernel is a folder ``kernels/<competition>-<n>-<stage>`` with one kernel-metadata.json. Competitions
are whatever folders there are: a new one adds folders and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from kaggle_utils.platform import runtime
from kaggle_utils.platform.kernels import metadata

_NAME = re.compile(r"(?P<competition>[a-z0-9-]+)-(?P<number>\d+)-(?P<title>[a-z][a-z0-9-]*)")


@dataclass(frozen=True)
class Stage:
    """One kernel of a chain: ``folder`` is ``kernels/reef-2-train``, of competition reef, number 2."""

    folder: Path
    competition: str
    number: int
    title: str

    @property
    def name(self) -> str:
        """The folder's name, which is the kernel's slug, e.g. ``reef-2-train``."""
        return self.folder.name

    @property
    def runs_as(self) -> str:
        """The name of the stage's folder at home, e.g. ``2_train``."""
        return f"{self.number}_{self.title}"


def kernels_root(given: Path | None = None) -> Path:
    """The folder of kernels: the given one, else ``kernels`` here if it holds any, else the one beside the package.

    Raises ValueError when there is none.
    """
    places = [given] if given else [Path("kernels"), runtime.CHECKOUT / "kernels"]
    for place in places:
        if place.is_dir() and (given or every_stage(place)):  # code for a GPU is often kept in `kernels`, too
            return place
    raise ValueError(f"no folder of kernels: looked for {', '.join(map(str, places))}")


def stages(competition: str, root: Path) -> list[Stage]:
    """The chain of a competition by stage number, and of one number each behind those of its sources.

    Raises ValueError naming the competitions there are, and for kernels of one number that take one another.
    """
    every = every_stage(root)
    chain = {found.name: found for found in every if found.competition == competition}
    if not chain:
        there = ", ".join(sorted({found.competition for found in every})) or "none"
        raise ValueError(f"no kernels of competition {competition!r} in {root}, there are: {there}")
    takes = {name: _taken(metadata.read(found.folder)) & chain.keys() for name, found in chain.items()}
    alike = {a: sorted(b for b in takes[a] if chain[a].number == chain[b].number) for a in chain}
    try:
        return sorted((chain[name] for name in TopologicalSorter(alike).static_order()), key=lambda found: found.number)
    except CycleError as error:
        raise ValueError(f"kernel_sources go round in a circle: {' takes '.join(reversed(error.args[1]))}") from None


def _taken(content: dict) -> set[str]:
    return {source.split("/")[1] for source in content.get("kernel_sources", []) if "/" in source}


def stage(name: str, root: Path) -> Stage:
    """The stage of a kernel's name, e.g. ``reef-2-train``; ValueError naming the kernels there are."""
    every = {found.name: found for found in every_stage(root)}
    if name not in every:
        raise ValueError(f"no kernel {name!r} in {root}, there are: {', '.join(every) or 'none'}")
    return every[name]


def every_stage(root: Path) -> list[Stage]:
    """All stages of all competitions in the folder of kernels, by competition and number."""
    folders = [path.parent for path in root.glob(f"*/{metadata.FILE}")]
    found = [(folder, _NAME.fullmatch(folder.name)) for folder in folders]
    parsed = [Stage(f, m["competition"], int(m["number"]), m["title"]) for f, m in found if m]
    return sorted(parsed, key=lambda s: (s.competition, s.number, s.title))


def check(found: Stage, root: Path) -> dict:
    """The metadata of a stage, if it may be pushed; ValueError with every reason why it may not.

    Beside the checks of :func:`metadata.problems`: the slug is the folder's name, a stage takes the
    one before it and none after, perhaps others of its own number, and one competition's files.
    """
    others = [other.name for other in every_stage(root)]
    wrong = metadata.problems(found.folder, others)
    content = metadata.read(found.folder)
    wrong += list(_links(found, content, stages(found.competition, root))) if not wrong else []
    if wrong:
        raise ValueError(f"{found.folder / metadata.FILE}: " + "; ".join(wrong))
    return content


def _links(found: Stage, content: dict, chain: list[Stage]) -> Iterator[str]:
    slug = content["id"].partition("/")[2]
    if slug != found.name:
        yield f"id has the slug {slug!r}, expected the folder's name {found.name!r}"
    sources = _taken(content)
    before = [other for other in chain if other.number < found.number]
    if before and not sources & {other.name for other in before if other.number == before[-1].number}:
        yield f"kernel_sources lacks the stage before, {metadata.OWNER}/{before[-1].name}"
    for other in chain[chain.index(found) :]:
        if other.name in sources:
            yield f"kernel_sources has {other.name}, which does not run before {found.name}"
    if len(content.get("competition_sources", [])) != 1:
        yield f"competition_sources is {content.get('competition_sources', [])}, expected exactly one competition"
