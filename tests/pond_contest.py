"""A competition of five ponds, for tests of the rehearsal: masks of 4 x 5 pixels as run lengths, files swapped in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kaggle_utils.masks.rle import run_length_faults
from kaggle_utils.tasks.faults import column_faults, name_faults, order_faults

SLUG = "pond"
UNIT = "pond"
HIDDEN_ITEMS = 1000
SERVED = False
PUBLIC, HIDDEN = ("a", "b", "c"), ("p", "q", "r", "s", "t")


@dataclass(frozen=True)
class Ponds:
    """A test of ponds by name."""

    names: tuple[str, ...] = HIDDEN

    def __len__(self) -> int:
        return len(self.names)

    def some(self, n: int) -> Ponds:
        return Ponds(self.names[:n])

    def take(self, rows: Sequence[int]) -> Ponds:
        return Ponds(tuple(self.names[row] for row in rows))

    def other_order(self, at_most: int) -> list[int]:
        return list(range(len(self)))[::-1][:at_most]

    def write(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        (folder / "test.csv").write_text("\n".join(["name", *self.names]) + "\n")

    def faults(self, table) -> list[str]:
        wrong = column_faults(table, ["name", "runs"], exactly=True)
        if wrong:
            return wrong
        named = name_faults("name", table["name"], self.names) or order_faults("name", table["name"], self.names)
        rows = zip(table["name"], table["runs"], strict=True)
        return named + [f"{name}: {fault}" for name, runs in rows for fault in run_length_faults(runs, (4, 5), "-")]

    def answers(self, table) -> list[str]:
        return table["runs"].tolist()

    def same(self, one: str, other: str) -> bool:
        return one == other

    def score(self, table) -> tuple[str, float]:
        return "share of ponds", float((table["runs"] != "-").mean())


def hidden_test(folder: Path, frames: Sequence[Path]) -> Ponds:
    """The test whose names stand in a folder's test.csv."""
    return Ponds(tuple((folder / "test.csv").read_text().split()[1:]))


def held_out(folder: Path, training: Sequence[Path], at_most: int) -> Ponds:
    """Two ponds that the training has not seen."""
    assert [path.name for path in training] == ["2_train"]
    return Ponds(HIDDEN[:2])


def write_competition(folder: Path) -> Path:
    """The competition's folder, with the public test."""
    folder.mkdir(parents=True)
    Ponds(PUBLIC).write(folder)
    (folder / "rules.txt").write_text("be kind\n")
    return folder
