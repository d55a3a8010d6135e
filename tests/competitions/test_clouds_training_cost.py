"""A trial's times, made up with known costs, give those costs back; a real trial in a session has all they need."""

from __future__ import annotations

import math
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kaggle_utils.cli import main
from kaggle_utils.competitions import clouds
from kaggle_utils.competitions import clouds_training_cost as costs
from kaggle_utils.competitions.clouds_training_cost import Measured, SizeCost
from kaggle_utils.competitions.samples.clouds import make_sample
from kaggle_utils.tasks.training_cost import TRIAL_EPOCHS, Sizes

TRIED = {0: Sizes(train=15, valid=5, side=100), 2: Sizes(train=5, valid=15, side=100)}
SMALL = SizeCost(2e-3, 1e-3, 0.5, 0.2, 0.8, {"identity": (1.0, 0.1), "hflip_last": (0.5, 0.3)})
LARGE = SizeCost(4e-3, 1e-3, 2.0, 0.9, 1.6, {"identity": (1.5, 0.4), "hflip_last": (0.5, 1.1)})
RUN = clouds.KIND.members({"sizes": ((96, 64), (480, 320)), "views": ("identity", "hflip@1.25"), "epochs": 10})


def trial(now: float = 30.0) -> tuple[list[tuple[float, str]], float]:
    """What a trial writes and when, and its length: a size after another, in each a fold after another."""
    written = []
    for size, cost in (("96x64", SMALL), ("480x320", LARGE)):
        written.append((now, f"/kaggle/temp/clouds/frames_{size}_gray_ab12.lock"))
        now += 20 * 100 * cost.read
        written.append((now, f"/kaggle/temp/clouds/frames_{size}_gray_ab12.npy"))
        now += 20 * 100 * cost.drawn
        written.append((now, f"/kaggle/temp/clouds/masks_{size}_cd34.npy"))
        for fold, sizes in TRIED.items():
            place = f"/kaggle/working/{size}_fold{fold}"
            for _ in range(TRIAL_EPOCHS):
                now += cost.trained * sizes.train + cost.judged * sizes.valid
                written.append((now, f"{place}/last.pth"))
                now += cost.written
                written += [(now - 0.1, f"{place}/.resume-1a2b.pth"), (now, f"{place}/resume.pth")]
            written.append((now, f"{place}/done.json"))
            for name, (start, each) in cost.sets.items():
                stem = f"/kaggle/working/{size}_{name}_fold{fold}"
                written.append((now + 0.01, f"{stem}_masks.npy"))
                half, now = now + start + each * sizes.valid / 2, now + start + each * sizes.valid
                written += [(half, f"{stem}_labels.json"), (now, f"{stem}_masks.json"), (now, f"{stem}_labels.json")]
    return [*written, (now + 1, "/kaggle/working/run.json")], now + 1


def test_costs_of_a_trial_are_found_again():
    found = costs.measured(*trial(), TRIED, RUN)
    assert list(found.sizes) == ["96x64", "480x320"] and found.rest == pytest.approx(30 + 1)
    for name, expected in (("96x64", SMALL), ("480x320", LARGE)):
        for field in ("read", "drawn", "trained", "judged", "written"):
            assert getattr(found.sizes[name], field) == pytest.approx(getattr(expected, field)), (name, field)
        assert {key: pytest.approx(line) for key, line in found.sizes[name].sets.items()} == dict(expected.sets)


def test_folds_side_by_side_on_two_cards_are_told_apart():
    written, seconds = trial()
    shifted = [(when - 3.0 if "_fold2" in path else when, path) for when, path in written]
    found = costs.measured(sorted(shifted), seconds, TRIED, RUN)
    assert found.sizes["480x320"].trained == pytest.approx(LARGE.trained)


@pytest.mark.parametrize(
    "lost", ["frames_480x320_", "480x320_fold2/resume", "480x320_identity_fold0", "480x320_fold0/last"]
)
def test_a_trial_that_did_not_come_to_its_end_is_refused(lost):
    written, seconds = trial()
    short = [(when, path) for when, path in written if lost not in path]
    with pytest.raises(ValueError, match="finished no prediction set at 480x320"):
        costs.measured(short, seconds, TRIED, RUN)


def test_hours_add_up_over_sizes_epochs_judging_and_sets():
    cost = Measured({"96x64": SMALL, "480x320": LARGE}, rest=50.0)
    hours = costs.training_hours(cost, {fold: Sizes(1000, 200, 30) for fold in (0, 4)}, RUN)
    # once: 50 + 1200 pictures of side 30 * (.003 + .005) = 338
    assert hours.once == pytest.approx(338 / 3600)
    # small: 10 * (500 + 40 + .8) + (1 + 20) + (.5 + 60) = 5489.5; large: 10 * (2000 + 180 + 1.6) + 81.5 + 220.5 = 22118
    assert hours.folds == pytest.approx({0: 27607.5 / 3600, 4: 27607.5 / 3600})


def test_output_is_predictions_of_every_picture_and_weights_of_every_model():
    each = 350 * 525 * 4
    written = [("run.json", 50), ("cache/frames_96x64_ab12.npy", 20 * 96 * 64 * 3)]
    for size, (fold, sizes) in product(("96x64", "480x320"), TRIED.items()):
        written += [(f"{size}_{name}_fold{fold}_masks.npy", sizes.valid * each) for name in ("identity", "hflip_last")]
        written += [(f"{size}_fold{fold}/{name}.pth", 1000) for name in ("best", "last")]
    found = costs.training_output(written, TRIED, costs.COMPETITION)
    assert found == pytest.approx(
        {
            "prediction sets": 2 * 2 * 5546 * each,  # 16.3 GB: sizes, views, pictures
            "weights": 2 * 5 * 2 * 1000,  # sizes, folds, best and last
            "the rest": 50 * 5546 / 20,
            "resized pictures": 5546 * 96 * 64 * 3,
        }
    )


def test_one_fold_of_several_writes_its_own_part():
    written = [("96x64_identity_fold0_masks.npy", 5 * 70), ("96x64_identity_fold2_masks.npy", 15 * 70)]
    written.append(("cache/frames_96x64_ab12.npy", 20 * 9))  # of all pictures, whichever folds are trained
    one = {3: costs.COMPETITION[3]}
    expected = {"prediction sets": 70 * one[3].valid, "resized pictures": 5546 * 9}
    assert costs.training_output(written, TRIED, one) == pytest.approx(expected)


def test_the_trial_keeps_the_real_parameters_but_the_length():
    values = costs.trial_values(clouds.KIND.members({"patience": 2, "epochs": 30, "batch": 8}), folds=[0, 1])
    assert values == {"epochs": 3, "patience": 0, "opened": {}, "folds": [0, 1], "fold": None}


def test_the_competitions_folds_are_all_its_pictures(real_data):
    names = pd.read_csv(real_data / "tables" / "clouds_train_boxes_1400x2100.csv").iloc[:, 0].astype(str)
    n = names.str.extract(r"(\w+\.jpg)")[0].nunique()
    assert n == sum(size.valid for size in costs.COMPETITION.values())
    assert {size.train + size.valid for size in costs.COMPETITION.values()} == {n}


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixteen pictures, and folds of them beside as 1_eda leaves them."""
    place = tmp_path_factory.mktemp("cost")
    make_sample(place / "clouds", images=16, test_images=2, size=(105, 70), progress=False)
    names = clouds.load(place / "clouds").table["image"]
    (place / "runs/clouds/1_eda").mkdir(parents=True)
    table = pd.DataFrame({"image": names, "group": names, "fold": np.arange(16) % 2, "part": np.arange(16) % 2})
    table.to_csv(place / "runs/clouds/1_eda/folds.csv", index=False)
    return place


def test_a_trials_table_has_a_quarter_of_one_fold_and_the_rest_of_another(sample, tmp_path):
    given, side = (sample / "clouds", sample / "runs/clouds/1_eda/folds.csv"), math.sqrt(70 * 105)
    assert costs.fold_sizes(*given, RUN) == {0: Sizes(8, 8, side), 1: Sizes(8, 8, side)}
    assert costs.write_trial(*given, tmp_path, 8, RUN) == {0: Sizes(6, 2, side), 1: Sizes(2, 6, side)}
    few, all_ = clouds.load(tmp_path), clouds.load(sample / "clouds")
    rows = np.flatnonzero(all_.table["image"].isin(few.table["image"]))
    assert len(rows) == 8 and (few.texts == all_.texts[rows]).all()
    assert (rows % 2).sum() == 6  # odd rows are fold 1
    assert costs.write_trial(*given, tmp_path, 40, RUN) == {0: Sizes(8, 2, side), 1: Sizes(2, 8, side)}  # all of fold 1
    with pytest.raises(ValueError, match=r"has the folds \[0\], expected 2 or more"):
        one = pd.read_csv(given[1]).assign(fold=0)
        one.to_csv(tmp_path / "folds.csv", index=False)
        costs.write_trial(given[0], tmp_path / "folds.csv", tmp_path, 8, RUN)


def test_a_training_is_tried_through_the_command(sample, monkeypatch, capsys):
    """The real notebook in a session of Kaggle's, tiny: names of files and their order are as this module expects them."""
    monkeypatch.setenv("KAGGLE_UTILS_RUNS", "is set by the command")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # tensors this small lose by more
    given = ["--input", str(sample / "clouds"), "--runs", str(sample / "runs"), "--frames", "8", "--set", "smoke=True"]
    code = main(["rehearse", "clouds-2-train", *given, "--set", "batch=4"])
    said = capsys.readouterr().out
    assert code == 0, said
    assert "... 3 epochs on 6 pictures, 2 to predict, then on 2 pictures, 6 to predict" in said
    assert "a picture:   96x64: read " in said and "predicted identity " in said
    assert "2 folds of 8 pictures an epoch in " in said and "prediction sets 11.8 MB" in said  # 16 * 350 * 525 * 4
