"""Members trained beside those that are there: nothing leaks, nothing is lost, nothing is done twice."""

import json
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from kaggle_utils.tasks.runs import ALL_ROWS, Job, PredictionSet, Runs, read_runs
from kaggle_utils.tasks.training import train_members, unseen

NAMES = tuple("abcdef")
FOLDS = np.array([0, 0, 1, 1, 2, 2])


@dataclass(frozen=True)
class Pages:
    """Items whose pixels are the bytes of files."""

    table: pd.DataFrame

    def __len__(self) -> int:
        return len(self.table)

    def present(self) -> "Pages":
        return Pages(self.table[self.table["exists"]].reset_index(drop=True))

    def take(self, rows) -> "Pages":
        return Pages(self.table.iloc[rows].reset_index(drop=True))


def pages(folder: Path, names, contents=None) -> Pages:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in zip(names, contents or names):
        (folder / name).write_text(content)
    return Pages(pd.DataFrame({"name": list(names), "exists": True, "path": [str(folder / name) for name in names]}))


class Reader:
    """A kind whose weights are what they have read, by themselves or through others: bytes of items, in a file."""

    METRIC = "share"

    def __init__(self) -> None:
        self.trained: list[str] = []
        self.late: set[str] = set()  # titles for which no time is left

    def train(self, competition, items, fold_of_item, wanted, output, *, unlabelled=None):
        self.trained += [order.title for order in wanted]
        return [self._job(items, fold_of_item, order, output, unlabelled) for order in wanted if order.title not in self.late]

    def _job(self, items, fold_of_item, order, output, unlabelled) -> Job:
        left_out = order.left_out(fold_of_item)
        read = {Path(path).read_text() for path in items.table["path"][~left_out]}
        read |= {text for path in order.parents.values() for text in json.loads(Path(path).read_text())}
        if "learns_from" in order.parents:
            read |= {Path(path).read_text() for path in unlabelled.table["path"]}
        place = output / order.member / order.place
        place.mkdir(parents=True, exist_ok=True)
        (place / "best.pth").write_text(json.dumps(sorted(read)))
        sets = {}
        for view in order.parameters["views"] if left_out.any() else ():
            one = PredictionSet(order.member, view)
            (place / one.name).touch()
            sets[one.name] = one, (place / one.name,)
        names, epochs = items.table["name"][left_out], order.epochs or (2 + order.fold, 4)
        weights, history = {"best": place / "best.pth"}, [{"epoch": 1}]
        return Job(
            order.member, order.fold, names, 0.5, 1.0, "all", weights, sets, order.parameters, history, order.origin, epochs
        )


def member(**changed):
    return {"lr": 0.1, "workers": 2, "views": ["identity"], **changed}


@pytest.fixture
def library(tmp_path):
    """Trains members on six pages; `more` without truth, whose last is page a's twin and whose first has its name."""
    items = pages(tmp_path / "train", NAMES)
    more = pages(tmp_path / "more", ("a", "u", "v", "w"), ("another", "U", "V", "a"))
    kind = Reader()
    competition = SimpleNamespace(NAME="pages", KEY="name", UNIT="page", KIND=kind)

    def train(members, folds=(0, 1, 2), fold_of_item=FOLDS, output=tmp_path / "out", earlier=None, **how):
        kind.trained.clear()
        there = [output] if earlier is None and (output / "run.json").is_file() else earlier or []
        found = read_runs(there) if there else Runs(())
        how = {"unlabelled": lambda: more, "facts": {"data": "1"}} | how
        return train_members(competition, items, fold_of_item, members, folds, output, earlier=found, **how)

    return SimpleNamespace(
        train=train, kind=kind, items=items, more=more, competition=competition, out=tmp_path / "out", root=tmp_path
    )


def noted(folder: Path) -> list[str]:
    return [job.title for job in read_runs([folder]).jobs]


class TestOneAfterAnother:
    def test_a_member_added_later_trains_alone(self, library):
        library.train({"a": member()})
        before = {
            path: path.stat().st_mtime_ns for path in library.out.rglob("*") if path.is_file() and path.name != "run.json"
        }
        jobs = library.train({"a": member(), "b": member(lr=0.2)})
        assert library.kind.trained == ["b fold 0", "b fold 1", "b fold 2"] and len(jobs) == 6
        assert {path: path.stat().st_mtime_ns for path in before} == before
        assert noted(library.out) == [f"{name} fold {k}" for name in "ab" for k in range(3)]

    def test_what_others_left_stays_noted_where_it_is_not_asked_for(self, library):
        library.train({"b": member()}, folds=[1])
        library.train({"a": member()}, folds=[0], facts={"data": "1", "changed": {"a": {}}})
        assert library.kind.trained == ["a fold 0"] and noted(library.out) == ["b fold 1", "a fold 0"]

    def test_a_further_fold_trains_alone(self, library):
        library.train({"a": member()}, folds=[0])
        jobs = library.train({"a": member(workers=4)})
        assert library.kind.trained == ["a fold 1", "a fold 2"] and [job.fold for job in jobs] == [0, 1, 2]

    def test_another_view_is_asked_of_the_weights_that_are_there_and_the_first_ones_stay(self, library):
        library.train({"a": member()})
        library.train({"a": member(views=["hflip"])})
        assert library.kind.trained == ["a fold 0", "a fold 1", "a fold 2"]  # the kind trains nothing that is done
        assert list(read_runs([library.out]).sets) == ["a_identity", "a_hflip"]

    def test_an_unfinished_training_is_gone_on_with(self, library):
        [job] = library.train({"a": member()}, folds=[0])
        noted = json.loads((library.out / "run.json").read_text())
        noted["jobs"][0]["stopped"] = "the deadline: 5 s to use"
        (library.out / "run.json").write_text(json.dumps(noted))
        assert library.train({"a": member()}, folds=[0]) == [job] and library.kind.trained == ["a fold 0"]

    @pytest.mark.parametrize(("changed", "how", "said"), [
        ({"lr": 0.3}, {}, "lr=0.1, now 0.3"), ({"epochs": 3}, {}, "epochs=None, now 3"),
        ({}, {"fold_of_item": FOLDS[::-1]}, r"split='\w+', now '\w+'"),
    ])  # fmt: skip
    def test_the_same_name_for_another_training_is_refused_with_what_differs_and_the_ways_out(
        self, library, changed, how, said
    ):
        library.train({"a": member()})
        with pytest.raises(
            ValueError, match=f"out/a/fold0 holds a training with {said}: give the member another name, or remove .*fold0"
        ):
            library.train({"b": member(), "a": member(**changed)}, **how)
        assert library.kind.trained == []  # b neither

    def test_other_data_are_refused(self, library):
        library.train({"a": member()})
        with pytest.raises(
            ValueError, match="data is '1' in what is trained and '2' in this run.*another folder of output, or remove"
        ):
            library.train({"b": member()}, facts={"data": "2"})

    def test_a_removed_folder_makes_room(self, library):
        library.train({"a": member()}, folds=[0])
        (library.out / "a" / "fold0" / "best.pth").unlink()
        [job] = library.train({"a": member(lr=0.3)}, folds=[0])
        assert job.parameters["lr"] == 0.3 and read_runs([library.out]).parameters("a")["lr"] == 0.3

    def test_what_no_time_was_left_for_is_not_waited_for(self, library):
        library.kind.late = {"a fold 1"}
        with pytest.warns(UserWarning, match="b fold 1 starts from a fold 1, for which no time was left: push it as a kernel"):
            jobs = library.train({"b": member(start_from="a"), "a": member()})
        assert [job.title for job in jobs] == ["b fold 0", "b fold 2", "a fold 0", "a fold 2"]


class TestAllRows:
    def test_it_ends_after_the_median_of_the_folds_best_epochs_and_has_no_figure(self, library):
        jobs = library.train({"a": member()}, full=True)
        assert [job.title for job in jobs] == ["a fold 0", "a fold 1", "a fold 2", "a full"]
        assert jobs[-1].best_epochs == (3, 4) and jobs[-1].items == () and not jobs[-1].sets  # of 2, 3 and 4 in the first stage
        runs = read_runs([library.out])
        assert runs.folds == [0, 1, 2] and runs.folds_of("full") == [ALL_ROWS] and list(runs.sets) == ["a_identity"]
        assert list(runs.weights("a")) == [0, 1, 2] and runs.weights("a", folds=[ALL_ROWS])[ALL_ROWS].parent.name == "full"
        assert list(runs.fingerprints()["a best"]) == ["0", "1", "2"]

    def test_it_reads_every_item(self, library):
        job = library.train({"a": member()}, full=True)[-1]
        assert json.loads(job.weights["best"].read_text()) == list(NAMES)

    def test_its_folds_may_have_been_trained_before(self, library):
        library.train({"a": member()})
        library.train({"a": member()}, folds=[], full=True)
        assert library.kind.trained == ["a full"]

    def test_without_its_folds_nobody_knows_when_to_end(self, library):
        library.train({"b": member()})
        with pytest.raises(
            ValueError, match="a full takes its epochs from one of its folds, which is not trained, there is b fold 0"
        ):
            library.train({"a": member()}, folds=[], full=True)

    def test_a_member_without_such_a_model_is_named_where_it_is_asked_for(self, library):
        library.train({"a": member()})
        with pytest.raises(ValueError, match="no a full was trained, there are a fold 0"):
            read_runs([library.out]).weights("a", folds=[ALL_ROWS])


class TestParents:
    def test_a_child_follows_its_parent_of_the_same_fold(self, library):
        library.train({"b": member(start_from="a"), "a": member()}, full=True)
        assert library.kind.trained == [*(f"{m} {k}" for m in "a" for k in ("fold 0", "fold 1", "fold 2", "full")),
                                        *(f"{m} {k}" for m in "b" for k in ("fold 0", "fold 1", "fold 2", "full"))]  # fmt: skip

    def test_a_parent_may_lie_in_an_attached_output(self, library):
        library.train({"a": member()}, output=library.root / "attached")
        library.train({"b": member(start_from="a")}, earlier=[library.root / "attached"])
        assert library.kind.trained == ["b fold 0", "b fold 1", "b fold 2"] and noted(library.out) == library.kind.trained

    def test_a_parent_that_is_nowhere_is_named_before_anything_is_trained(self, library):
        with pytest.raises(
            ValueError, match="b fold 0 starts from a fold 0, which is not trained, there is nothing: train it here, too"
        ):
            library.train({"c": member(), "b": member(start_from="a")})
        assert library.kind.trained == []

    def test_a_parent_of_another_fold_does_not_do(self, library):
        library.train({"a": member()}, folds=[1])
        with pytest.raises(ValueError, match="b fold 0 learns from a fold 0, which is not trained, there is a fold 1"):
            library.train({"b": member(learns_from="a")}, folds=[0])

    def test_one_that_was_trained_on_all_rows_does_not_do(self, library):
        library.train({"a": member()}, folds=[1], full=True)
        with pytest.raises(ValueError, match="b fold 0 starts from a fold 0, which is not trained, there is a full, a fold 1"):
            library.train({"b": member(start_from="a")}, folds=[0])

    @pytest.mark.parametrize("role", ["start_from", "learns_from"])
    def test_one_of_other_folds_has_seen_what_the_child_is_judged_on(self, library, role):
        library.train({"a": member()}, fold_of_item=np.array([0, 1, 0, 1, 2, 2]), output=library.root / "attached")
        with pytest.raises(
            ValueError, match="b fold 0 .* a fold 0, which has seen 'b' that b fold 0 is judged on: train both with one"
        ):
            library.train({"b": member(**{role: "a"})}, folds=[0], earlier=[library.root / "attached"])

    def test_other_weights_of_the_parent_make_another_child(self, library):
        library.train({"a": member(), "b": member(start_from="a")}, folds=[0])
        path = library.out / "a" / "fold0" / "best.pth"
        path.write_text(json.dumps(["x"]))
        with pytest.raises(ValueError, match="b/fold0 holds a training with weights that it starts from='"):
            library.train({"a": member(), "b": member(start_from="a")}, folds=[0])


class TestWithoutTruth:
    def test_an_item_of_the_training_data_is_left_out_by_name_and_by_its_bytes(self, library):
        found = unseen(library.competition, library.items, library.more)
        assert found.table["name"].tolist() == ["u", "v"]

    def test_an_item_that_is_a_folder_of_files_is_compared_file_by_file(self, library):
        for place, contents in (("old", "12"), ("new", "12"), ("third", "13")):
            pages(library.root / place, "xy", list(contents))
        old, new = (Pages(pd.DataFrame({"name": names, "exists": True, "path": [str(library.root / name) for name in names]}))
                    for names in (["old"], ["new", "third"]))  # fmt: skip
        assert unseen(library.competition, old, new).table["name"].tolist() == ["third"]

    def test_files_that_are_not_there_are_not_learnt_from(self, library):
        more = Pages(library.more.table.assign(exists=[True, False, True, True]))
        assert unseen(library.competition, library.items, more).table["name"].tolist() == ["v"]

    @pytest.mark.parametrize(
        ("more", "said"), [(None, "pages has no pages without truth"), ("itself", "6 pages, 6 with files, all of them among")]
    )
    def test_with_none_left_there_is_nothing_to_learn_from(self, library, more, said):
        with pytest.raises(ValueError, match=said):
            library.train({"a": member(), "b": member(learns_from="a")}, unlabelled=lambda: library.items if more else None)

    def test_they_are_looked_for_only_where_a_member_learns_from_them(self, library):
        library.train({"a": member()}, unlabelled=lambda: pytest.fail("looked"))

    def test_other_items_without_truth_make_another_training(self, library):
        members = {"a": member(), "b": member(learns_from="a")}
        library.train(members, folds=[0])
        with pytest.raises(ValueError, match="b/fold0 holds a training with unlabelled items='"):
            library.train(members, folds=[0], unlabelled=lambda: library.more.take([1]))


ROLES = st.sampled_from(["start_from", "learns_from"])


@given(
    mine=st.lists(st.integers(-1, 2), min_size=6, max_size=6), others=st.lists(st.integers(-1, 2), min_size=6, max_size=6),
    here=st.booleans(), roles=st.tuples(ROLES, ROLES), full=st.booleans(), twins=st.lists(st.sampled_from([*NAMES, "U", "V"]), min_size=1, max_size=3),
)  # fmt: skip
@settings(deadline=None, max_examples=150)
def test_no_model_has_read_what_it_is_judged_on_by_itself_or_through_others(
    tmp_path_factory, mine, others, here, roles, full, twins
):
    """A grandparent and a parent of this split or of another, pages without truth that may be pages of the training."""
    assume(max(mine if here else others) >= 0)  # there is a grandparent
    root, kind = tmp_path_factory.mktemp("library"), Reader()
    competition = SimpleNamespace(NAME="pages", KEY="name", UNIT="page", KIND=kind)
    items = pages(root / "train", NAMES)
    more = pages(root / "more", [f"more{n}" for n in range(len(twins))], twins)
    graph = {"a": member(), "b": member(**{roles[0]: "a"}), "c": member(**{roles[1]: "b"})}
    earlier = Runs(())
    try:
        for names, split, output in (("a", mine if here else others, "one"), ("bc", mine, "two")):
            folds = sorted(set(split) - {-1})
            some = {name: graph[name] for name in names}
            train_members(
                competition,
                items,
                np.array(split),
                some,
                folds,
                root / output,
                earlier=earlier,
                full=full,
                unlabelled=lambda: more,
            )
            earlier = read_runs([root / "one"])
    except ValueError:
        pass  # refused is as good as safe
    for folder in filter(Path.exists, (root / name / "run.json" for name in ("one", "two"))):
        for job in read_runs([folder.parent]).jobs:
            read = set(json.loads(job.weights["best"].read_text()))
            assert not read & set(job.items), f"{job.title} has read {read & set(job.items)}"
