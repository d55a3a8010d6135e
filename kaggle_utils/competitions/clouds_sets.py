"""Clouds: prediction sets, each a model's input size, the view it was asked in, and its epoch."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["parsed_name", "set_name", "sets_together"]

Size = tuple[int, int]  # (width, height) in pixels


def set_name(size: Size, view: str, checkpoint: str = "best") -> str:
    """The name of a prediction set: a model's input size, the view it was asked in, and its epoch where not the best.

    >>> set_name((480, 320), "hflip"), set_name((480, 320), "hflip", "last")
    ('480x320_hflip', '480x320_hflip_last')
    """
    return f"{size[0]}x{size[1]}_{view}" + ("" if checkpoint == "best" else f"_{checkpoint}")


def parsed_name(name: str) -> tuple[Size, str, str]:
    """The inverse of :func:`set_name`.

    >>> parsed_name("480x320_identity@1.25_last")
    ((480, 320), 'identity@1.25', 'last')
    """
    size, view, *rest = name.split("_")
    width, height = map(int, size.split("x"))
    return (width, height), view, rest[0] if rest else "best"


def sets_together(sets: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """What to merge to see views and sizes apart: each size's views, and each view's sizes; all of them is left out.

    >>> sets_together(["96x64_identity", "96x64_hflip", "192x128_identity", "192x128_hflip"])["96x64, all views"]
    ('96x64_identity', '96x64_hflip')
    >>> list(sets_together(["96x64_identity", "192x128_identity"]))  # all sizes in one view are all there is
    []
    """
    found: dict[str, list[str]] = {}
    for name in sets:
        (width, height), view, _ = parsed_name(name)
        for title in (f"{width}x{height}, all views", f"all sizes, {view}"):
            found.setdefault(title, []).append(name)
    return {title: tuple(names) for title, names in found.items() if 1 < len(names) < len(sets)}
