"""``--set NAME=VALUE`` of the command line, the same wherever a notebook's parameters are overridden.

Several may follow one ``--set``, the flag may be repeated, and what a command works on may stand on
either side: ``rehearse --set imgsz=64 epochs=1 reef-2-train``. A command declares it with
:func:`add_set_argument` and reads the texts from ``args.set``, for
:func:`kaggle_utils.platform.parameters.parse_set`; :mod:`kaggle_utils.cli` takes the arguments apart with
:func:`one_by_one` for all commands before they are parsed.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator

__all__ = ["add_set_argument", "one_by_one"]


def add_set_argument(parser: argparse.ArgumentParser, meaning: str = "override the notebook's parameters") -> None:
    """Adds ``--set``, whose texts come as the list ``args.set``; meaning: its help."""
    text = f"{meaning}; several may follow, and the flag may be repeated"
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help=text)


def one_by_one(arguments: Iterable[str]) -> Iterator[str]:
    """Arguments in which every ``--set`` has one text, so that it takes no name for another.

    The text right after the flag is its own, whatever it looks like; of those behind it each that has
    an ``=`` and is no flag.

    >>> list(one_by_one(["push", "--set", "fold=3", "imgsz=1280", "reef-2-train", "--wait"]))
    ['push', '--set=fold=3', '--set=imgsz=1280', 'reef-2-train', '--wait']
    """
    rest, setting = iter(arguments), False
    for argument in rest:
        if argument == "--set" or argument.startswith("--set="):
            text = next(rest, None) if argument == "--set" else argument.removeprefix("--set=")
            setting = True
            yield "--set" if text is None else f"--set={text}"
        elif setting and "=" in argument and not argument.startswith("-"):
            yield f"--set={argument}"
        else:
            setting = False
            yield argument
