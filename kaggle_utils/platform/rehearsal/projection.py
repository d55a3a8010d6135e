"""From a few items at home to the whole hidden test on Kaggle: a line through two measurements."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Line:
    """A cost that is ``start`` whatever comes, and ``each`` for every item (seconds, or bytes)."""

    start: float
    each: float

    def at(self, items: int) -> float:
        """The cost of so many items.

        >>> Line(start=8.0, each=0.25).at(13_000) / 3600
        0.905
        """
        return self.start + self.each * items


def line_through(few: tuple[int, float], many: tuple[int, float]) -> Line:
    """The line through two measurements (items, cost); noise never makes an item cost less than nothing.

    ValueError where both are of the same number of items: nothing says what is the start and what an item.

    >>> line_through((1, 8.25), (80, 28.0))
    Line(start=8.0, each=0.25)
    """
    if few[0] == many[0]:
        raise ValueError(f"both measurements are of {few[0]} items, expected different numbers")
    each = max(0.0, (many[1] - few[1]) / (many[0] - few[0]))
    return Line(max(0.0, many[1] - each * many[0]), each)


def gigabytes(size: float) -> str:
    """A size as it is said: in GB, or in smaller units below a tenth of one.

    >>> gigabytes(16e9), gigabytes(25_000_000), gigabytes(1234)
    ('16.0 GB', '25.0 MB', '1.2 kB')
    """
    for unit, scale, least in (("GB", 1e9, 1e8), ("MB", 1e6, 1e5)):
        if size >= least:
            return f"{size / scale:.1f} {unit}"
    return f"{size / 1e3:.1f} kB"
