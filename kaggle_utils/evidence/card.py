"""What scorecards have in common, whatever they score."""

from __future__ import annotations

from dataclasses import fields

from kaggle_utils.files import json_text


class FigureCard:
    """Base of a frozen dataclass whose first field is the competition's figure."""

    @property
    def score(self) -> float:
        """The competition's figure."""
        return getattr(self, fields(self)[0].name)

    @property
    def short(self) -> str:
        """It alone; a card that has something to compare it with adds that."""
        return f"{self.score:.4f}"

    def to_json(self) -> str:
        """All numbers as one line of JSON, NaN as null."""
        return json_text(vars(self))
