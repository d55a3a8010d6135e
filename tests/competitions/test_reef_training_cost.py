"""A trial's times, made up with known costs, give those costs back; the trial's table has what it needs."""

from __future__ import annotations

import pandas as pd
import pytest
from reef_tables import BOX, images, table

from kaggle_utils.competitions import reef_training_cost as costs
from kaggle_utils.competitions.reef_training_cost import Measured
from kaggle_utils.detector.parameters import DetectorParameters
from kaggle_utils.tasks.training_cost import TRIAL_EPOCHS, Sizes

SETS = {"identity@1280": 0.05, "hflip@1280": 0.07}


def trial(train: tuple[float, ...], sizes: Sizes, start: float = 30.0) -> tuple[list[tuple[float, str]], float]:
    """What a trial writes and when, and its length: stages one after another, then the prediction sets."""
    now, written = start, []
    for stage, each in enumerate(train):
        for _ in range(TRIAL_EPOCHS):
            now += each * sizes.train + SETS["identity@1280"] * sizes.valid
            written += [(now - 0.001, f"/kaggle/working/fold0/stage{stage}/resume.pth.partial")]
            written += [(now, f"/kaggle/working/fold0/stage{stage}/resume.pth")]
    written.append((now, "/kaggle/working/fold0/best.pth"))
    for name, each in SETS.items():
        now += each * sizes.valid
        written.append((now, f"/kaggle/working/fold0/{name}.csv"))
    return [*written, (now + 1, "/kaggle/working/run.json")], now + 1


def test_costs_of_a_trial_are_found_again():
    sizes = Sizes(train=40, valid=20)
    written, seconds = trial((0.2, 0.5), sizes)
    found = costs.measured(written, seconds, {0: sizes}, DetectorParameters(chain=({}, {})))
    assert found.train == pytest.approx((0.2, 0.5)) and found.predict == pytest.approx(SETS)
    assert found.rest == pytest.approx(30 + 1)


def test_an_epoch_without_validation_is_all_training():
    sizes = Sizes(train=40, valid=20)
    written, seconds = trial((0.2,), sizes)
    found = costs.measured(written, seconds, {0: sizes}, DetectorParameters(validate_every=5))
    assert found.train == pytest.approx([0.2 + 0.05 * 20 / 40])


def test_a_trial_that_predicts_nothing_is_refused():
    with pytest.raises(ValueError, match="finished no prediction set"):
        costs.measured([(1.0, "/kaggle/working/fold0/best.pth")], 9.0, {0: Sizes(1, 1)}, DetectorParameters())


def test_hours_add_up_over_stages_epochs_validations_and_sets():
    cost = Measured(train=(0.1, 0.4), predict=SETS, rest=100.0)
    parameters = DetectorParameters(epochs=10, chain=({"epochs": 4}, {}), validate_every=2)
    # train 1000 * (4*.1 + 10*.4) = 4400; validate 500*.05 * (2 + 5) = 175; sets 500*.12 = 60; rest 100
    hours = costs.training_hours(cost, {3: Sizes(1000, 500)}, parameters)
    assert hours.folds == pytest.approx({3: 4635 / 3600}) and hours.once == pytest.approx(100 / 3600)


def test_a_stage_stops_after_its_hours():
    cost = Measured(train=(1.0,), predict={"identity@640": 0.0}, rest=0.0)
    assert costs.training_hours(cost, {0: Sizes(9000, 1)}, DetectorParameters(hours=2.0)).folds == {0: 2.0}


def test_the_trial_keeps_the_real_parameters_but_the_length():
    values = costs.trial_values(DetectorParameters(imgsz=1920, epochs=40, hours=3.0), folds=[2])
    assert values == {"epochs": 3, "chain": ({"epochs": 3},), "folds": [2], "fold": None, "hours": 0.0}


def test_the_trials_table_has_frames_with_and_without_boxes_of_every_sequence(tmp_path):
    rows = [(0, s, 100 * s + f, BOX if f % 3 == 0 else "[]") for s in range(4) for f in range(30)]
    frames = table(rows)
    images(tmp_path / "train_images", frames[frames["video_frame"] != 0])  # one image is missing
    frames.to_csv(tmp_path / "train.csv", index=False)
    frames.assign(fold=frames["sequence"] % 2, part=0)[["image_id", "fold", "part"]].to_csv(tmp_path / "folds.csv", index=False)
    sizes = costs.write_trial(tmp_path, tmp_path / "folds.csv", tmp_path / "few", 24, DetectorParameters(empties=1.0))
    assert sizes == {0: Sizes(12, 12), 1: Sizes(12, 12)}
    few = pd.read_csv(tmp_path / "few" / "train.csv")
    assert few.groupby("sequence").size().tolist() == [6] * 4
    assert few.groupby("sequence")["annotations"].agg(lambda texts: (texts != "[]").sum()).tolist() == [3] * 4
    assert 0 not in few["video_frame"].tolist()


def test_tables_grow_with_frames_and_weights_with_folds():
    written = [("fold0/best.pth", 1000), ("run.json", 10), ("fold0/identity@640.csv", 20), ("curve.png", 5)]
    full = {fold: Sizes(train=900, valid=valid) for fold, valid in ((0, 30), (1, 70))}
    # weights and pictures 2 * 1005; tables (30 + 70) / 10 * 30
    expected = {"weights and pictures": 2010, "tables": 300}
    assert costs.training_output(written, {0: Sizes(20, 10)}, full) == expected


def test_sizes_are_those_of_the_trainings_own_rule(tmp_path):
    frames = table([(0, s, 100 * s + f, BOX if f < 2 else "[]") for s in range(3) for f in range(10)])
    frames.to_csv(tmp_path / "train.csv", index=False)
    frames.assign(fold=frames["sequence"] % 2, part=0)[["image_id", "fold", "part"]].to_csv(tmp_path / "folds.csv", index=False)
    sizes = costs.fold_sizes(tmp_path, tmp_path / "folds.csv", DetectorParameters(empties=2.0))
    # fold 0 judges sequences 0 and 2, trains on sequence 1: 2 frames with boxes, twice as many without
    assert sizes == {0: Sizes(train=6, valid=20), 1: Sizes(train=12, valid=10)}


def test_the_competitions_own_sizes_are_those_of_its_table(real_data):
    table = pd.read_csv(real_data / "tables" / "reef_train.csv", usecols=["video_id", "annotations"])
    filled = (table["annotations"] != "[]").groupby(table["video_id"]).sum()
    for video, size in costs.COMPETITION.items():
        assert size == Sizes(train=2 * int(filled.drop(video).sum()), valid=int((table["video_id"] == video).sum()))
