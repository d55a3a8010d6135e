"""The submission as a stream: in order, whole or not at all, and apart from its validation."""

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pond_contest
import pytest
from pond_contest import Ponds, named

from kaggle_utils.competitions import clouds
from kaggle_utils.tasks.runs import Job, Runs
from kaggle_utils.tasks.submission import FileStream, answer_all, held_out, score_validation

EARLIER = b"name,runs\nearlier,1 1\n"
PONDS = SimpleNamespace(
    **{name: getattr(pond_contest, name) for name in ("KEY", "UNIT", "COLUMNS", "KIND", "faults", "score")},
    read=lambda items, row, size, **pixels: (items.table["name"].iloc[row], size, pixels),
    rows=lambda items, row, answer: [(items.table["name"].iloc[row], answer)],
)


def runs_of(looks) -> list[str]:
    """Each pond is answered by its place in the alphabet."""
    return [f"{ord(look(None)[0]) - ord('a') + 1} 1" for look in looks]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "4_submit" / "submission.csv"


@pytest.fixture
def earlier(path):
    """A submission of an earlier session, and the figure of its validation."""
    path.parent.mkdir()
    path.write_bytes(EARLIER)
    path.with_name("validation.json").write_text('{"metric": "F2", "score": 0.5, "items": 1}')
    return path


class TestFiles:
    def test_they_are_answered_in_their_order(self, path):
        assert answer_all(FileStream(PONDS, named("c", "a", "b"), path), runs_of) == path
        assert path.read_text() == "name,runs\nc,3 1\na,1 1\nb,2 1\n"

    def test_they_are_looked_at_in_the_size_and_with_the_choices_of_the_training(self, path):
        [(key, look)] = FileStream(PONDS, named("a"), path)
        assert key == 0 and look((8, 4), grayscale=True) == ("a", (8, 4), {"grayscale": True}) and look(None) == ("a", None, {})

    def test_nothing_is_read_before_it_is_looked_at(self, path):
        stream = FileStream(SimpleNamespace(**{**vars(PONDS), "read": None}), named("a", "b"), path)
        assert len(list(stream)) == stream.total == stream.ahead == 2

    def test_an_item_may_have_several_rows(self, path):
        rows = {"rows": lambda items, row, answer: [(f"{row} {kind}", answer) for kind in "xy"], "faults": lambda *_: []}
        answer_all(FileStream(SimpleNamespace(**{**vars(PONDS), **rows}), named("a", "b"), path), runs_of)
        assert path.read_text() == "name,runs\n0 x,1 1\n0 y,1 1\n1 x,2 1\n1 y,2 1\n"

    def test_those_that_are_missing_are_counted_and_named(self, path):
        items = Ponds(pd.DataFrame({"name": ["a", "b", "c"], "exists": [True, False, False]}))
        said = "2 of 3 test ponds are not there, the first is b; with validate=True training ponds that the first fold left out"
        with pytest.raises(ValueError, match=said):
            FileStream(PONDS, items, path)

    def test_no_items_are_a_table_without_rows(self, path):
        assert answer_all(FileStream(PONDS, named(), path), runs_of).read_text() == "name,runs\n"

    def test_faults_are_told_with_the_file_and_leave_none(self, path):
        stream = FileStream(PONDS, named("a", "b"), path)
        with pytest.raises(ValueError, match=r"submission.csv: a: .*; b: "):
            answer_all(stream, lambda looks: ["no runs"] * len(looks), batch=2)
        assert not path.parent.exists() or list(path.parent.iterdir()) == []

    def test_an_earlier_submission_survives_one_with_faults(self, earlier):
        with pytest.raises(ValueError, match="submission.csv: a: "):
            answer_all(FileStream(PONDS, named("a"), earlier), lambda looks: ["no runs"])
        assert earlier.read_bytes() == EARLIER and earlier.with_name("validation.json").is_file()
        assert len(list(earlier.parent.iterdir())) == 2

    def test_an_earlier_submission_survives_a_predictor_that_fails(self, earlier):
        with pytest.raises(ZeroDivisionError):
            answer_all(FileStream(PONDS, named("a"), earlier), lambda looks: [1 / 0])
        assert earlier.read_bytes() == EARLIER


class Served:
    """Items whose answers are awaited: at most ``ahead`` may be out at once. Whoever asks for more has looked ahead."""

    def __init__(self, n: int, ahead: int, path, total: int | None = None) -> None:
        self.n, self.ahead, self.total, self.path = n, ahead, total, path
        self.out: list[int] = []
        self.answered: list[tuple[int, str]] = []

    def __iter__(self):
        for number in range(self.n):
            assert len(self.out) < self.ahead, f"item {number} was asked for while {self.out} wait for answers"
            self.out.append(number)
            yield number, lambda size, number=number: number

    def take(self, key, answer):
        assert self.out.pop(0) == key
        self.answered.append((key, answer))

    def close(self):
        assert not self.out
        return self.path


class TestAnsweringAll:
    @pytest.mark.parametrize("ahead", [1, 2, 3, 7, 100])
    @pytest.mark.parametrize("batch", [0, 1, 2, 3, 8])
    @pytest.mark.parametrize("n", [0, 1, 6, 7])
    def test_batches_never_exceed_what_may_be_looked_ahead(self, tmp_path, n, batch, ahead):
        stream, sizes = Served(n, ahead, tmp_path / "submission.csv"), []

        def predictor(looks):
            sizes.append(len(looks))
            return (look(None) ** 2 for look in looks)

        answer_all(stream, predictor, batch)
        assert stream.answered == [(number, number**2) for number in range(n)]
        assert sum(sizes) == n and all(size <= max(1, min(batch, ahead)) for size in sizes)
        assert all(size == max(1, min(batch, ahead)) for size in sizes[:-1])

    def test_every_answer_is_taken_before_the_next_item_is_looked_at(self, tmp_path):
        stream = Served(3, 1, tmp_path / "submission.csv")
        answer_all(stream, lambda looks: (len(stream.answered) for _ in looks))
        assert stream.answered == [(0, 0), (1, 1), (2, 2)]

    @pytest.mark.parametrize("answers", [[], ["1 1"], ["1 1"] * 3])
    def test_a_predictor_that_gives_too_few_or_too_many_answers_is_an_error(self, path, answers):
        with pytest.raises(ValueError):
            answer_all(FileStream(PONDS, named("a", "b"), path), lambda looks: answers, batch=2)
        assert not path.exists()

    def test_how_many_there_are_need_not_be_known(self, tmp_path, capsys):
        answer_all(Served(3, 1, tmp_path / "s.csv", total=None), lambda looks: ["x"] * len(looks), progress="ponds")
        assert "ponds: 3item" in capsys.readouterr().err

    def test_without_a_title_there_is_no_bar(self, tmp_path, capsys):
        answer_all(Served(3, 1, tmp_path / "s.csv", total=3), lambda looks: ["x"] * len(looks))
        assert capsys.readouterr() == ("", "")


class TestValidation:
    RUNS = Runs(
        tuple(Job("m", fold, items, 0.5, 1.0, "", {}, {}, {}) for fold, items in ((2, ("e", "b", "d")), (3, ("a", "c"))))
    )

    def test_items_that_the_first_fold_left_out_stand_in_their_own_order(self):
        assert held_out(PONDS, named(*"abcdef"), self.RUNS).table["name"].tolist() == ["b", "d", "e"]
        assert held_out(PONDS, named(*"abcdef"), self.RUNS, at_most=2).table["name"].tolist() == ["b", "d"]
        assert held_out(PONDS, named(*"abc"), self.RUNS, at_most=5).table["name"].tolist() == ["b"]

    def test_it_is_scored_beside_the_submission_which_stays_as_it_is(self, earlier):
        items = held_out(PONDS, named(*"abcdef"), self.RUNS)
        path = answer_all(FileStream(PONDS, items, earlier.with_name("validation.csv")), runs_of, batch=2)
        card = score_validation(PONDS, items, path)
        assert card.score == 1.0 and earlier.read_bytes() == EARLIER
        expected = {"metric": "share of ponds", "score": 1.0, "items": 3}
        assert json.loads(earlier.with_name("validation.json").read_text()) == expected

    def test_the_figure_of_a_validation_does_not_outlive_other_answers(self, earlier):
        answer_all(FileStream(PONDS, named("a"), earlier), runs_of)
        assert earlier.read_bytes() == b"name,runs\na,1 1\n" and not earlier.with_name("validation.json").exists()

    def test_a_table_with_faults_has_no_score(self, earlier):
        figure = earlier.with_name("validation.json").read_text()
        with pytest.raises(ValueError, match="submission.csv: 1 name missing: 'a'; 1 name unknown: 'earlier'"):
            score_validation(PONDS, named("a"), earlier)
        assert earlier.with_name("validation.json").read_text() == figure

    def test_items_of_a_training_are_answered_in_a_file_of_their_own(self, tmp_path, monkeypatch):
        monkeypatch.setattr(clouds, "test", lambda folder: items)
        items = Ponds(pd.DataFrame({"image": ["a.jpg"], "exists": [True]}))
        assert clouds.stream(items, tmp_path, tmp_path).path == tmp_path / "validation.csv"
        assert clouds.stream(None, tmp_path, tmp_path).path == tmp_path / "submission.csv"


def test_the_answers_of_numpy_are_written_as_text(path):
    stream = FileStream(PONDS, named("a"), path)
    stream.take(0, np.str_("1 1"))
    assert stream.close().read_text() == "name,runs\na,1 1\n"
