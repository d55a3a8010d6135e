"""The submission as a stream: items in, answers out, in one loop for files and for APIs that wait for each answer.

The same loop runs at home, in a rehearsal, in the scored rerun and on training items whose truth is known, so what is
rehearsed is what is submitted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kaggle_utils.files import replacing
from kaggle_utils.tasks.competition import SUBMISSION
from kaggle_utils.tasks.decisions import write_validation
from kaggle_utils.tasks.faults import read_texts, refuse

if TYPE_CHECKING:
    import pandas as pd

    from kaggle_utils.tasks.competition import Card, Competition, Items, Look, Stream
    from kaggle_utils.tasks.runs import Runs


class FileStream:
    """Items whose pixels lie in files, answered in their order, written as one table.

    items: those to predict; path: of the table
    Raises ValueError naming items whose files are not there: a submission needs all.
    """

    def __init__(self, competition: Competition, items: Items, path: Path) -> None:
        self.competition, self.items, self.path = competition, items, Path(path)
        self.total = self.ahead = len(items)
        self.rows: list[tuple] = []
        missing = items.table[competition.KEY][~items.table["exists"]]
        if len(missing):
            told = f"{len(missing)} of {len(items)} test {competition.UNIT}s are not there, the first is {missing.iloc[0]}"
            way_out = f"with validate=True training {competition.UNIT}s that the first fold left out are predicted instead"
            raise ValueError(f"{told}; {way_out}")

    @classmethod
    def opened(cls, competition: Competition, items: Items | None, folder: Path, output: Path) -> FileStream:
        """The test of a competition's folder, into ``submission.csv`` of output; or items, into ``validation.csv`` there."""
        if items is None:
            return cls(competition, competition.test(folder), Path(output) / SUBMISSION)
        return cls(competition, items, Path(output) / "validation.csv")

    def __iter__(self) -> Iterator[tuple[int, Look]]:
        for row in range(len(self.items)):
            yield row, partial(self._look, row)

    def _look(self, row: int, size: tuple[int, int] | None, **pixels: Any) -> Any:
        return self.competition.read(self.items, row, size, **pixels)

    def take(self, key: int, answer: Any) -> None:
        """The answer to the item of this row; answers come in order."""
        self.rows += self.competition.rows(self.items, key, answer)

    def close(self) -> Path:
        """The table, checked to its last row; returns its path."""
        import pandas as pd

        table = pd.DataFrame(self.rows, columns=list(self.competition.COLUMNS))
        refuse(self.competition.faults(table, self.items), self.path)
        with replacing(self.path) as partial_path:
            table.to_csv(partial_path, index=False)
        return self.path


def answer_all(
    stream: Stream, predictor: Callable[[Sequence[Look]], Iterable[Any]], batch: int = 1, progress: str | None = None
) -> Path:
    """Every item of a stream answered, at most ``batch`` of them looked at together; returns the submission's path.

    predictor: looks of some successive items -> the answer to each; progress: the title of a bar, None for no bar
    """
    from tqdm import tqdm

    items, size = iter(stream), max(1, min(batch, stream.ahead))
    with tqdm(total=stream.total, desc=progress, disable=progress is None, unit="item") as bar:
        while some := list(islice(items, size)):
            for (key, _), answer in zip(some, predictor([look for _, look in some]), strict=True):
                stream.take(key, answer)
            bar.update(len(some))
    path = stream.close()
    path.with_name("validation.json").unlink(missing_ok=True)  # a figure does not outlive the answers it is about
    return path


def held_out(competition: Competition, items: Items, runs: Runs, at_most: int | None = None) -> Items:
    """Training items that the first fold's models have not seen, in place of a test; at_most: the first so many."""
    return items.take(items.table[competition.KEY].isin(set(runs.judged_on())).to_numpy().nonzero()[0][:at_most])


def read_answers(competition: Competition, items: Items, path: Path) -> pd.DataFrame:
    """A table of answers to these items, all cells as text; ValueError with all that is wrong with it."""
    table = read_texts(path)
    refuse(competition.faults(table, items), path)
    return table


def score_validation(competition: Competition, items: Items, path: Path) -> Card:
    """The score of a table of answers to items whose truth is known, also written to ``validation.json`` beside it."""
    card = competition.score(items, read_answers(competition, items, path))
    write_validation(Path(path).parent, competition.KIND.METRIC, card.score, len(items))
    return card
