"""What is left of the week's GPU hours: asked of Kaggle where there are credentials, else assumed."""

from __future__ import annotations

from dataclasses import dataclass

from kaggle_utils.platform.client.calls import KaggleFailure, ask
from kaggle_utils.platform.runtime import WEEK_HOURS


@dataclass(frozen=True)
class Quota:
    """GPU hours left this week; ``why`` they are assumed, None where Kaggle said so."""

    hours: float
    why: str | None = None

    def __str__(self) -> str:
        """As it is said in a report.

        >>> str(Quota(12.5)), str(Quota(30.0, "no credentials found"))
        ('12.5 h left this week', '30.0 h a week assumed (no credentials found)')
        """
        return f"{self.hours:.1f} h " + ("left this week" if self.why is None else f"a week assumed ({self.why})")


def gpu_quota(limit_s: float = 20.0) -> Quota:
    """The account's GPU hours, or the 30 that everybody has a week where Kaggle cannot be asked."""
    try:
        hours = ask("gpu_hours_left", limit_s=limit_s)
    except KaggleFailure as failure:
        return Quota(WEEK_HOURS, "no credentials" if failure.kind == "credentials" else f"not asked: {failure.kind}")
    return Quota(WEEK_HOURS, "Kaggle named none") if hours is None else Quota(max(0.0, hours))
