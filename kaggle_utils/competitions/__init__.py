"""What is particular to one competition, one file of facts each; and how one is found.

A user's own competition needs no fork: it is an object that answers :class:`kaggle_utils.tasks.competition.Competition`,
given as it is, or by name as ``module:object`` or ``module``.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kaggle_utils.tasks.competition import Competition

__all__ = ["find", "known"]


def known() -> list[str]:
    """Names of the competitions of this package; none is imported for it.

    >>> known()
    ['amazon', 'clouds', 'contrails', 'reef']
    """
    return sorted(path.stem for path in Path(__file__).parent.glob("*.py") if "_" not in path.stem)


def find(competition: str | Any) -> Competition:
    """A competition by name, or the object itself.

    competition: one of :func:`known`; ``module`` or ``module:object`` from anywhere Python imports from; an object
    Raises ValueError for a name that is neither, and for an object that lacks what a competition must say.

    >>> find("reef").SLUG
    'tensorflow-great-barrier-reef'
    >>> find("tides")
    Traceback (most recent call last):
    ValueError: no competition 'tides', expected one of amazon, clouds, contrails, reef, or module:object of your own
    """
    if not isinstance(competition, str):
        return _complete(competition)
    if competition in known():
        return import_module(f"kaggle_utils.competitions.{competition}")
    module, _, name = competition.partition(":")
    nobodys = f"no competition {competition!r}, expected one of {', '.join(known())}, or module:object of your own"
    if not all(module.split(".")):
        raise ValueError(nobodys)
    try:
        found = import_module(module)
    except ModuleNotFoundError as missing:
        if not f"{module}.".startswith(f"{missing.name}."):
            raise
        raise ValueError(nobodys) from None
    if name and not hasattr(found, name):
        raise ValueError(f"{module!r} has no {name!r}, expected module:object")
    return _complete(getattr(found, name) if name else found)


def _complete(competition: Any) -> Any:
    from kaggle_utils.tasks.competition import Competition

    wanted = [*Competition.__annotations__, *(name for name in vars(Competition) if not name.startswith("_"))]
    lacking = [name for name in wanted if not hasattr(competition, name)]
    if lacking:
        raise ValueError(f"{competition!r} lacks {', '.join(lacking)}, see kaggle_utils.tasks.competition")
    return competition
