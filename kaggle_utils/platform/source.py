"""Where a competition's files come from: Kaggle's mount, a folder of yours, or the built-in sample.

Off Kaggle a notebook whose data is not there goes on with the synthetic sample, and says so loudly,
so that the whole chain can be seen to work anywhere. On Kaggle missing data is an error.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

from kaggle_utils import competitions
from kaggle_utils.competitions.samples.folders import MARKER, hidden_folder
from kaggle_utils.platform import runtime
from kaggle_utils.tasks.competition import Competition

VARIANTS = ("", "-sample", "-smoke", "-sample-smoke")  # of a competition's folder at home, see :meth:`Source.variant`


@dataclass(frozen=True)
class Source:
    """Where a competition's files lie.

    folder: in Kaggle's layout; sample: is it the built-in one; hidden: folder of the hidden test's pictures, if known
    """

    folder: Path
    sample: bool = False
    hidden: Path | None = None

    @property
    def synthetic(self) -> bool:
        """Whether the files are a sample's, also where a rehearsal or ``--input`` mounts one as if it were real."""
        return self.sample or (self.folder / MARKER).is_file()

    def variant(self, smoke: bool = False) -> str:
        """What sets the folders apart, at home, in which results of a sample or of a smoke run lie.

        >>> Source(Path("sample"), sample=True).variant(smoke=True), Source(Path("data")).variant()
        ('-sample-smoke', '')
        """
        return "-sample" * self.synthetic + "-smoke" * smoke

    def __str__(self) -> str:
        if not self.sample:
            return f"data: {self.folder}"
        line = "*" * 78
        return (
            f"{line}\nTHE BUILT-IN SAMPLE, NOT THE COMPETITION: synthetic data, to see the chain work.\n"
            f"For real data set KAGGLE_UTILS_INPUT or give `kaggle-utils run --input DIR`.\n{line}"
        )


def find(competition: str | Competition) -> Source:
    """The files of a competition, as :func:`kaggle_utils.competitions.find` takes it.

    In order: what runtime.competition_dir finds; off Kaggle the sample, made on first use under the
    folder of runs. Raises NotAttached on Kaggle when the competition is not attached. The hidden test
    is what KAGGLE_UTILS_HIDDEN names (a rehearsal sets it), else the sample's own.
    """
    facts = competitions.find(competition)
    folder = runtime.competition_dir(facts.SLUG, facts.DATASETS)
    if folder is not None:
        return Source(folder, hidden=runtime.hidden_dir())
    if os.environ.get("KAGGLE_UTILS_INPUT"):
        given = os.environ["KAGGLE_UTILS_INPUT"]
        raise runtime.NotAttached(f"KAGGLE_UTILS_INPUT is {given!r}, expected to find {facts.SLUG} there")
    made = sample(facts)
    return replace(made, hidden=runtime.hidden_dir() or made.hidden)


def sample(competition: str | Competition) -> Source:
    """The built-in sample of a competition, with its own hidden test; made on first use."""
    facts = competitions.find(competition)
    folder = facts.make_sample(runtime.sample_dir(facts.NAME))
    return Source(folder, sample=True, hidden=hidden_folder(folder) / "test_images")
