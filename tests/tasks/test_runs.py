"""Files between stages: found, read as one, refused by name when they do not belong together."""

import json
from dataclasses import replace
from hashlib import sha1
from math import isnan, nan
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kaggle_utils.tasks.runs import (
    DTYPES,
    Job,
    PredictionSet,
    Runs,
    data_version,
    read_folds,
    read_runs,
    require_same_source,
    write_folds,
    write_run,
)

PARAMETERS = {"imgsz": 640, "chain": [{"epochs": 2}, {}], "workers": 2}


def job(folder: Path, member: str = "unet", fold: int = 0, items=("a", "b"), views=("identity", "hflip"), **changed) -> Job:
    """What a training hands on, its weights on disk."""
    place = folder / f"{member}_fold{fold}"
    place.mkdir(parents=True)
    weights = {name: place / f"{name}.pth" for name in ("best", "last")}
    for name, path in weights.items():
        path.write_text(f"{name} of {member} {fold}")
    asked = [PredictionSet(member, view, dtype="text") for view in views]
    sets = {one.name: (one, (folder / f"{one.name}_fold{fold}.csv",)) for one in asked}
    history = [{"epoch": 1, "loss": 0.7}, {"epoch": 2, "loss": 0.6}]
    return replace(Job(member, fold, items, 0.5, 1.25, "the last epoch", weights, sets, PARAMETERS, history), **changed)


@pytest.fixture
def output(tmp_path):
    """Writes the output of a kernel that trained these jobs; returns its folder."""

    def write(*wanted: dict, name: str = "", **facts) -> Path:
        folder = tmp_path / (name or "-".join(["2_train", *(f"{one.get('member', '')}{one['fold']}" for one in wanted)]))
        write_run(folder, [job(folder, **one) for one in wanted], **facts)
        return folder

    return write


HALVES = {"fold": 0, "items": ("a", "b")}, {"fold": 1, "items": ("c", "d")}


class TestOneRun:
    def test_jobs_come_back_from_their_file_as_they_were(self, tmp_path):
        asked = [
            PredictionSet("pan", f"hflip@1.25{n}", how, dtype)
            for n, (how, dtype) in enumerate(zip(("best", "last", "best"), DTYPES))
        ]
        sets = {one.name: (one, tuple(tmp_path / "pan" / f"{one.name}.{n}" for n in range(2))) for one in asked}
        jobs = (
            job(tmp_path),
            job(tmp_path, fold=1, items=("c",), score=-1.0),
            job(tmp_path, "pan", items=(), sets=sets, history=()),
        )
        facts = {"competition": "ponds", "sample": True, "data": "0123456789ab", "changed": {"unet": {"lr": 0.1}}}
        path = write_run(tmp_path, jobs, **facts)
        assert read_runs([tmp_path]) == Runs(jobs, facts) and path.read_text().endswith("}\n")

    def test_numpys_numbers_come_back_as_pythons(self, tmp_path):
        given = job(tmp_path, fold=np.int64(0), score=np.float32(0.5), parameters={"size": (2, np.int64(1))})
        write_run(tmp_path, [given])
        [found] = read_runs([tmp_path]).jobs
        assert found == replace(given, parameters={"size": [2, 1]}) and type(found.score) is float and type(found.fold) is int

    def test_figures_that_are_none_come_back_as_none(self, tmp_path):
        write_run(tmp_path, [job(tmp_path, score=nan, history=[{"epoch": 1, "loss": nan}])])
        [found] = read_runs([tmp_path]).jobs
        assert isnan(found.score) and isnan(found.history[0]["loss"]) and "NaN" not in (tmp_path / "run.json").read_text()

    def test_files_are_named_relative_to_the_folder_which_may_move(self, output, tmp_path):
        folder = output(*HALVES)
        moved = folder.rename(tmp_path / "elsewhere")
        found = read_runs([moved])
        assert found.weights("unet") == {k: moved / f"unet_fold{k}" / "best.pth" for k in (0, 1)}
        assert found.files("unet_hflip") == {k: (moved / f"unet_hflip_fold{k}.csv",) for k in (0, 1)}

    def test_a_missing_run_is_told_with_what_lies_there(self, tmp_path):
        with pytest.raises(FileNotFoundError, match="run.json is missing, stage 2_train .*; in .* lies: nothing$"):
            read_runs([tmp_path])
        for number in range(14):
            (tmp_path / f"{number:02}.txt").touch()
        with pytest.raises(FileNotFoundError, match="run.json is missing, stage 2_train .*: 00.txt, .*, 11.txt and 2 more$"):
            read_runs([tmp_path])

    def test_the_run_of_another_version_is_refused(self, tmp_path):
        (tmp_path / "run.json").write_text('{"folds": {}, "parameters": {}}')
        with pytest.raises(ValueError, match=r"run.json: it holds \['folds', 'parameters'\], expected the jobs of a training"):
            read_runs([tmp_path])


class TestSeveralRuns:
    @pytest.mark.parametrize("turned", [False, True])
    def test_outputs_are_read_as_if_one_kernel_had_written_them(self, output, turned):
        folders = [output(HALVES[0]), output(HALVES[1])][:: -1 if turned else 1]
        found = read_runs(folders)
        assert found.folds == [0, 1] and list(found.weights("unet")) == [0, 1] and list(found.files("unet_identity")) == [0, 1]
        assert [job.title for job in found.jobs] == ["unet fold 0", "unet fold 1"]
        assert found.fold_of_item(["d", "x", "b", "a", "c"]).tolist() == [1, -1, 0, 0, 1]
        assert found.judged_on() == ("a", "b") and found.judged_on(1) == ("c", "d")

    def test_members_stand_in_the_order_in_which_they_were_met(self, output):
        folders = [output({"member": "pan", **half}, {"member": "fpn", **half}) for half in HALVES]
        assert [job.title for job in read_runs(folders).jobs] == ["pan fold 0", "pan fold 1", "fpn fold 0", "fpn fold 1"]

    def test_a_set_that_one_fold_lacks_is_left_out(self, output):
        folders = [output(HALVES[0]), output({**HALVES[1], "views": ("identity",)})]
        assert list(read_runs(folders).sets) == ["unet_identity"]
        assert read_runs(folders).sets["unet_identity"] == PredictionSet("unet", "identity", dtype="text")

    def test_sets_of_a_member_that_lacks_a_fold_are_left_out(self, output):
        assert list(read_runs([output(*HALVES, {"member": "pan", **HALVES[0]})]).sets) == ["unet_identity", "unet_hflip"]

    def test_without_any_whole_set_there_is_nothing_to_decide(self, output):
        folders = [output({**half, "views": (view,)}) for half, view in zip(HALVES, ("identity", "hflip"))]
        with pytest.raises(
            ValueError, match=r"no prediction set has all of the folds \[0, 1\], there are \['unet_hflip', 'unet_id"
        ):
            read_runs(folders).sets  # noqa: B018

    def test_the_same_job_twice_is_refused(self, output):
        folders = [output(HALVES[0], name="one"), output({"fold": 0, "items": ("c",)}, name="other")]
        with pytest.raises(ValueError, match="unet fold 0 was trained twice, in .*one and in .*other, expected it once: take away one"):
            read_runs(folders)

    def test_a_job_that_an_output_carries_along_is_met_once(self, output, tmp_path):
        """A kernel that trained another member had this one's output attached, and took it over."""
        first = output(HALVES[0], name="first", data="A")
        both = output(HALVES[0], {"member": "pan", **HALVES[0]}, name="both", data="A")
        for folders in ([first, both], [both, first]):
            found = read_runs(folders)
            assert [job.title for job in found.jobs] == ["unet fold 0", "pan fold 0"] and len(found.sets) == 4
            assert found.weights("unet")[0] == folders[0] / "unet_fold0" / "best.pth"

    @pytest.mark.parametrize("changed", [{"origin": {"split": "b"}}, {"history": [{"epoch": 1, "loss": 0.5}]}, {"items": ("a",)}])
    def test_a_job_of_another_origin_or_history_is_another(self, output, changed):
        folders = [output(HALVES[0], name="one"), output({**HALVES[0], **changed}, name="other")]
        with pytest.raises(ValueError, match="unet fold 0 was trained twice"):
            read_runs(folders)

    def test_the_same_job_with_other_weights_is_another(self, output):
        folders = [output(HALVES[0], name="one"), output(HALVES[0], name="other")]
        assert len(read_runs(folders).jobs) == 1
        (folders[1] / "unet_fold0" / "last.pth").write_text("trained again")
        with pytest.raises(ValueError, match="unet fold 0 was trained twice"):
            read_runs(folders)

    def test_where_weights_were_not_downloaded_the_output_that_has_them_is_taken(self, output):
        folders = [output(HALVES[0], name="one"), output(HALVES[0], name="other")]
        for name in ("best", "last"):
            (folders[0] / "unet_fold0" / f"{name}.pth").unlink()
        assert read_runs(folders).weights("unet")[0].is_relative_to(folders[1])

    @pytest.mark.parametrize("turned", [False, True])
    def test_a_training_that_went_on_elsewhere_takes_the_place_of_its_beginning(self, output, turned):
        begun = {**HALVES[0], "stopped": "the deadline: 5 s to use", "history": [{"epoch": 1, "loss": 0.7}]}
        folders = [output(begun, name="begun"), output(HALVES[0], name="ended")]
        [found] = read_runs(folders[:: -1 if turned else 1]).jobs
        assert found.finished and len(found.history) == 2

    def test_an_item_judged_by_two_folds_is_refused(self, output):
        folders = [output({"fold": 0, "items": ("a", "b")}), output({"fold": 1, "items": ("b", "c")})]
        with pytest.raises(
            ValueError, match="'b' was judged by unet fold 0 and by unet fold 1, expected folds of one folds.csv"
        ):
            read_runs(folders)

    def test_an_item_judged_by_two_members_without_the_same_fold_is_fine(self, output):
        assert len(read_runs([output(*HALVES, *({"member": "pan", **half} for half in HALVES))]).jobs) == 4

    @pytest.mark.parametrize(
        ("other", "said"),
        [
            ({"imgsz": 1280}, "'imgsz' is 640 in unet fold 0 and 1280 in unet fold 1"),
            ({"lr": 0.1}, "'lr' is None in unet fold 0 and 0.1 in unet fold 1"),
        ],
    )
    def test_halves_of_a_member_that_were_trained_otherwise_are_refused(self, output, other, said):
        folders = [output(HALVES[0]), output({**HALVES[1], "parameters": PARAMETERS | other})]
        with pytest.raises(ValueError, match=f"the parameter {said}, expected folds trained alike"):
            read_runs(folders)

    def test_what_changes_nothing_in_what_is_learnt_may_differ(self, output):
        folders = [output(HALVES[0]), output({**HALVES[1], "parameters": PARAMETERS | {"workers": 4, "cache": True}})]
        assert read_runs(folders).folds == [0, 1]

    def test_other_members_have_other_parameters(self, output):
        others = [{"member": "pan", **half, "parameters": PARAMETERS | {"imgsz": 1280}} for half in HALVES]
        found = read_runs([output(*HALVES), output(*others)])
        assert found.parameters("unet")["imgsz"] == 640 and found.parameters("pan")["imgsz"] == 1280

    @pytest.mark.parametrize("name", ["competition", "sample", "smoke", "data"])
    def test_trainings_on_other_data_are_not_mixed(self, output, name):
        folders = [output(HALVES[0], **{name: "A"}), output(HALVES[1], **{name: "B"})]
        with pytest.raises(ValueError, match=f"{name} is 'A' in .*0 and 'B' in .*1, expected trainings on the same data"):
            read_runs(folders)

    def test_what_one_output_does_not_note_is_not_compared(self, output):
        found = read_runs([output(HALVES[0], data="A", changed={}), output(HALVES[1], changed={"unet": {}})])
        assert found.facts == {"data": "A", "changed": {}}

    def test_the_samples_outputs_are_not_read_for_the_competitions_data(self, output):
        folder = output(HALVES[0], sample=True)
        assert read_runs([folder], sample=True) == read_runs([folder])
        with pytest.raises(ValueError, match="run.json was made from the built-in sample, expected the competition's data"):
            read_runs([folder], sample=False)

    def test_the_competitions_outputs_are_not_read_for_the_sample(self, output):
        with pytest.raises(ValueError, match="run.json was made from the competition's data, expected the built-in sample"):
            read_runs([output(HALVES[0], sample=False)], sample=True)

    def test_a_file_that_does_not_say_its_source_is_not_refused(self):
        assert require_same_source({}, True, Path("run.json")) is None

    def test_outputs_that_were_judged_on_unknown_items_are_refused(self, output):
        with pytest.raises(ValueError, match="unet fold 0 was judged on 'b', which is not in this data"):
            read_runs([output(HALVES[0])]).fold_of_item(["a", "c"])

    def test_what_was_not_trained_is_named(self, output):
        found = read_runs([output(HALVES[1])])
        with pytest.raises(ValueError, match="no member 'pan' was trained, there are unet fold 1"):
            found.parameters("pan")
        with pytest.raises(ValueError, match="no fold 0 was trained, there are unet fold 1"):
            found.judged_on(0)
        with pytest.raises(ValueError, match="no fold was trained, there are none"):
            Runs(()).judged_on()


class TestWeights:
    @pytest.fixture
    def runs(self, output) -> Runs:
        return read_runs([output(half) for half in HALVES])

    def test_a_fingerprint_is_the_sha1_of_the_weights(self, runs):
        expected = {"unet best": {str(fold): sha1(f"best of unet {fold}".encode()).hexdigest() for fold in (0, 1)}}
        assert runs.fingerprints() == expected == runs.fingerprints(["unet_hflip"])

    def test_each_member_and_checkpoint_that_a_decision_uses_is_noted(self, tmp_path):
        asked = [PredictionSet("unet", "identity"), PredictionSet("unet", "identity", "last"), PredictionSet("unet", "hflip")]
        noted = Runs((job(tmp_path, sets={one.name: (one, ()) for one in asked}),)).fingerprints()
        assert list(noted) == ["unet best", "unet last"] and noted["unet best"] != noted["unet last"]

    def test_missing_weights_name_their_job_and_stage_and_what_lies_there(self, runs):
        path = runs.weights("unet")[0]
        path.unlink()
        said = "the best weights of unet fold 0 are missing, expected .*best.pth: stage 2_train wrote them.*: run.json, unet_fold0/last.pth$"
        with pytest.raises(FileNotFoundError, match=said):
            runs.weights("unet")

    def test_weights_of_another_epoch_are_missing_by_name(self, runs):
        with pytest.raises(
            FileNotFoundError, match="the 7th weights of unet fold 0 are missing, expected best or last: .*lies"
        ):
            runs.weights("unet", "7th")
        with pytest.raises(FileNotFoundError, match="the best weights of a fold 0 are missing, expected some: stage 2_train"):
            Runs((Job("a", 0, (), 0.5, 1.0, "", {}, {}, {}),)).weights("a")

    def test_the_weights_of_a_decision_are_accepted(self, runs):
        assert runs.require_weights(runs.fingerprints()) is None

    def test_a_model_trained_again_is_refused_where_it_is_used(self, runs):
        noted = runs.fingerprints()
        runs.weights("unet")[1].write_text("trained again")
        runs.require_weights(noted, folds=[0])
        was, now = noted["unet best"]["1"][:12], sha1(b"trained again").hexdigest()[:12]
        with pytest.raises(
            ValueError, match=f"unet best fold 1: .* measured with {was}, now .*best.pth is {now}: run 3_decide again"
        ):
            runs.require_weights(noted)

    def test_a_fold_that_the_decision_has_not_seen_is_refused(self, runs):
        noted = {"unet best": {"1": runs.fingerprints()["unet best"]["1"]}}
        with pytest.raises(
            ValueError, match="unet best fold 0: the decision was measured without it, with folds 1, now .*fold0"
        ):
            runs.require_weights(noted, runs.folds)

    def test_a_model_that_is_gone_is_refused(self, output):
        noted = read_runs([output(*HALVES)]).fingerprints()
        with pytest.raises(ValueError, match="unet best fold 1: the decision was measured with .*, now there are none"):
            read_runs([output(HALVES[0], name="half")]).require_weights(noted)


class TestFolds:
    NAMES = pd.Series([f"0-{n}" for n in range(6)], name="image_id")

    def test_folds_come_back_in_the_order_of_the_names(self, tmp_path):
        turned = np.array([5, 3, 0, 1, 2, 4])
        table = pd.DataFrame({"image_id": self.NAMES[turned], "fold": turned % 3, "part": turned, "group": "007"})
        write_folds(tmp_path / "folds.csv", table)
        found = read_folds(tmp_path / "folds.csv", self.NAMES)
        assert found["fold"].tolist() == [0, 1, 2, 0, 1, 2] and found["part"].tolist() == list(range(6))
        assert found["fold"].dtype == found["part"].dtype == np.int64 and found.index.tolist() == self.NAMES.tolist()
        assert found.index.name == "image_id"

    def test_parts_are_the_folds_unless_they_are_given(self, tmp_path):
        write_folds(tmp_path / "folds.csv", pd.DataFrame({"image_id": self.NAMES, "fold": [0, 1, 2, 0, 1, -1]}))
        found = read_folds(tmp_path / "folds.csv", self.NAMES)
        assert found["part"].tolist() == found["fold"].tolist() == [0, 1, 2, 0, 1, -1]

    def test_what_else_is_known_of_an_item_comes_as_text(self, tmp_path):
        (tmp_path / "folds.csv").write_text("image,group,weather,fold,part\nb,007,NA,1,1\na,010,,0,0\nNA,1e3,None,0,0\n")
        found = read_folds(tmp_path / "folds.csv", pd.Series(["a", "b", "NA"], name="image"))
        assert found["group"].tolist() == ["010", "007", "1e3"] and found["weather"].tolist() == ["", "NA", "None"]
        assert found["fold"].tolist() == [0, 1, 0]

    def test_names_may_be_numbers(self, tmp_path):
        write_folds(tmp_path / "folds.csv", pd.DataFrame({"row": [7, 5], "fold": [1, 0]}))
        assert read_folds(tmp_path / "folds.csv", pd.Series([5, 7], name="row"))["fold"].tolist() == [0, 1]

    def test_items_of_other_data_are_stepped_over(self, tmp_path):
        write_folds(tmp_path / "folds.csv", pd.DataFrame({"image_id": ["0-0", "9-9"], "fold": [1, 0]}))
        assert read_folds(tmp_path / "folds.csv", self.NAMES[:1])["fold"].tolist() == [1]

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            (
                "image_id,fold,part\n0-0,0,0\n0-1,0,0\n0-2,,0\n0-3,1,1\n0-5,1,1\n",
                "2 of 6 have no fold, the first is '0-2', expected folds",
            ),
            (
                "image_id,fold,part\n" + "".join(f"0-{n},0,{'' if n == 4 else 0}\n" for n in range(6)),
                "1 of 6 have no part, the first is '0-4'",
            ),
            ("image_id,group\n0-0,0\n", r"the columns are \['image_id', 'group'\], expected \['image_id', 'fold', 'part'\]"),
            (
                "image,fold,part\n0-0,0,0\n",
                r"the columns are \['image', 'fold', 'part'\], expected \['image_id', 'fold', 'part'\]",
            ),
            ("image_id,fold,part\n0-0,0,0\n0-0,1,1\n", "image_id '0-0' stands more than once"),
        ],
    )
    def test_folds_of_other_data_are_refused(self, tmp_path, text, said):
        (tmp_path / "folds.csv").write_text(text)
        with pytest.raises(ValueError, match=f"folds.csv: {said}"):
            read_folds(tmp_path / "folds.csv", self.NAMES)

    def test_a_name_that_stands_twice_is_not_written(self, tmp_path):
        with pytest.raises(ValueError, match="folds.csv: image 'a' stands more than once"):
            write_folds(tmp_path / "folds.csv", pd.DataFrame({"image": ["a", "b", "a"], "fold": 0}))
        assert list(tmp_path.iterdir()) == []


class TestTheVersionOfData:
    @pytest.fixture
    def data(self, tmp_path) -> Path:
        (tmp_path / "pictures").mkdir()
        for name in ("train.csv", "facts.json", "a.jpg", "pictures/b.jpg", "readme.txt"):
            (tmp_path / name).write_text(name)
        return tmp_path

    @pytest.mark.parametrize("name", ["train.csv", "facts.json", "test.csv"])
    def test_it_changes_with_a_table(self, data, name):
        before = data_version(data)
        (data / name).write_text("other rows")
        assert data_version(data) != before and len(before) == 12 and int(before, 16) >= 0

    @pytest.mark.parametrize("name", ["a.jpg", "pictures/b.jpg", "c.jpg", "readme.txt", "pictures/of.csv"])
    def test_it_does_not_change_with_anything_else(self, data, name):
        before = data_version(data)
        (data / name).write_text("other pixels")
        assert data_version(data) == before

    def test_tables_of_a_re_packing_lie_deeper(self, data, tmp_path_factory):
        other = tmp_path_factory.mktemp("dataset")
        (other / "planet" / "planet").mkdir(parents=True)
        nothing = data_version(other)
        for name in ("train.csv", "facts.json"):
            (other / "planet" / "planet" / name).write_text(name)
        assert data_version(other) == data_version(data) != nothing

    def test_it_knows_which_table_is_which(self, data):
        before = data_version(data)
        (data / "train.csv").rename(data / "truth.csv")
        assert data_version(data) != before

    def test_it_is_the_same_wherever_the_data_lie(self, data, tmp_path_factory):
        other = tmp_path_factory.mktemp("copy")
        for name in ("facts.json", "train.csv"):
            (other / name).write_text((data / name).read_text())
        assert data_version(other) == data_version(data)


def test_the_file_is_plain_json_that_anybody_reads(output):
    run = json.loads((output(HALVES[0], sample=True) / "run.json").read_text())
    assert run["sample"] is True and list(run) == ["jobs", "sample"]
    assert run["jobs"][0]["sets"]["unet_hflip"] == {
        "member": "unet", "view": "hflip", "checkpoint": "best", "dtype": "text", "files": ["unet_hflip_fold0.csv"],
    }  # fmt: skip
    assert run["jobs"][0]["weights"] == {"best": "unet_fold0/best.pth", "last": "unet_fold0/last.pth"}
