"""Where a figure would stand on a competition's private leaderboard, as far as that is known.

Data, folds and the split into public and private differ from home. So no figure is placed without the winner's own
cross-validation beside it, which says how far the two lay apart for somebody else, and a sample's figure never is.
Kaggle's rule of medals: https://www.kaggle.com/progression.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf, isfinite

Known = float | tuple[float, float] | None  # a score, (low, high) that it lies within, None: not known


@dataclass(frozen=True)
class Medals:
    """A private leaderboard where more is better.

    gold, silver, bronze: the last score that was given the medal
    winner: the first place's; validation: that team's own cross-validation
    teams: how many, 250 at least; None: not known
    """

    gold: Known = None
    silver: Known = None
    bronze: Known = None
    winner: Known = None
    validation: Known = None
    teams: int | None = None

    @property
    def known(self) -> Mapping[str, Known]:
        """The lines from the highest to the lowest, by name."""
        return {"gold": self.gold, "silver": self.silver, "bronze": self.bronze}

    def place(self, figure: float) -> str:
        """The medal that a figure would be given, or the range of them where the lines are not known better.

        >>> medals = Medals(silver=(0.66, 0.67), bronze=0.65)
        >>> [medals.place(figure) for figure in (0.64, 0.65, 0.66, 0.68)]
        ['no medal', 'bronze', 'bronze to silver', 'silver to gold']
        """
        least = most = "no medal"
        below = -inf
        for name, line in reversed(self.known.items()):
            low, high = ends(line) or (below, inf)
            least, most, below = name if figure >= high else least, name if figure >= low else most, high
        return least if least == most else f"{least} to {most}"

    def lines(self, *figures: float) -> list[str]:
        """Where figures would stand, such as a score and the ends of its interval, and by what that is known.

        >>> print(*Medals(0.7, (0.6, 0.65), 0.5, 0.75, teams=2025).lines(0.71, 0.61), sep="\\n")
        would stand on the private leaderboard: 0.7100 gold, 0.6100 bronze to silver
        its lines: gold 0.7 (rank 14), silver 0.6 to 0.65 (rank 101), bronze 0.5 (rank 202)
        its winner: 0.75, where their own cross-validation said: not known
        """
        places = ", ".join(f"{figure:.4f} {self.place(figure)}" for figure in figures if isfinite(figure))
        ranks = medal_ranks(self.teams) if self.teams else {}
        known = [told(line) + (f" (rank {ranks[name]})" if ranks else "") for name, line in self.known.items()]
        return [
            f"would stand on the private leaderboard: {places}",
            "its lines: " + ", ".join(map(" ".join, zip(self.known, known, strict=True))),
            f"its winner: {told(self.winner)}, where their own cross-validation said: {told(self.validation)}",
        ]

    def of_board(self, scores: Sequence[float]) -> Medals:
        """The same with the lines read off the board: scores of the teams, the best first.

        Raises ValueError for a board of which too little came.

        >>> Medals(bronze=0.5, validation=0.8).of_board([1 - rank / 1000 for rank in range(1, 301)])
        Medals(gold=0.99, silver=0.95, bronze=0.9, winner=0.999, validation=0.8, teams=300)
        """
        ranks = medal_ranks(teams := self.teams or len(scores))
        if len(scores) < ranks["bronze"]:
            raise ValueError(f"the board has {len(scores)} scores, expected at least {ranks['bronze']} of {teams} teams")
        return replace(self, **{name: scores[rank - 1] for name, rank in ranks.items()}, winner=scores[0], teams=teams)


def medal_ranks(teams: int) -> dict[str, int]:
    """The last rank that is given each medal; ValueError for fewer than 250 teams, which have another rule.

    >>> medal_ranks(2025), medal_ranks(938)
    ({'gold': 14, 'silver': 101, 'bronze': 202}, {'gold': 11, 'silver': 50, 'bronze': 100})
    """
    if teams < 250:
        raise ValueError(f"{teams} teams, expected at least 250")
    silver, bronze = (teams // 20, teams // 10) if teams >= 1000 else (50, 100)
    return {"gold": 10 + teams // 500, "silver": silver, "bronze": bronze}


def ends(known: Known) -> tuple[float, float] | None:
    """(low, high) that a score lies within.

    >>> ends(0.7), ends((0.6, 0.7)), ends(None)
    ((0.7, 0.7), (0.6, 0.7), None)
    """
    return (known, known) if isinstance(known, float) else known


def told(known: Known) -> str:
    """What is known of a score.

    >>> told(0.6717), told((0.635, 0.699)), told(None)
    ('0.6717', '0.635 to 0.699', 'not known')
    """
    return "not known" if known is None else " to ".join(f"{end:g}" for end in dict.fromkeys(ends(known)))
