"""The kind of competitions that are answered with labels: what a competition says of its own."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Labels:
    """What a competition says of its labels.

    classes: how many; exclusive: groups of them, by number, of which an item has exactly one
    alone: those, by number, that an item has without any other
    """

    classes: int
    exclusive: tuple[tuple[int, ...], ...] = ()
    alone: tuple[int, ...] = ()

    METRIC = "F2"
