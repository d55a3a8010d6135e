"""What clouds' stages hand on: runs, decisions, a submission, and the lines about them."""

import json
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch")

from clouds_fixtures import Trained, trained  # noqa: E402, F401
from kaggle_utils.competitions.clouds_comparison import (  # noqa: E402
    dice_gains,
    dice_where_test_like,
    fitted,
    look,
    rules,
    weighted,
)
from kaggle_utils.competitions.clouds_decision import CloudsDecision, Merge, decided, read_decision, write_decision  # noqa: E402
from kaggle_utils.competitions.clouds_parameters import SMOKE, CloudsRun  # noqa: E402
from kaggle_utils.competitions.clouds_summary import summary  # noqa: E402
from kaggle_utils.competitions.clouds_training import train_folds  # noqa: E402

from kaggle_utils.competitions import clouds, clouds_runs, clouds_submission  # noqa: E402
from kaggle_utils.competitions.samples.clouds import hidden_folder  # noqa: E402
from kaggle_utils.evidence.candidates import choose  # noqa: E402
from kaggle_utils.masks.rules import ClassDecision, MaskDecision  # noqa: E402

SETS = ("96x64_identity", "96x64_hflip")


@pytest.fixture
def runs(trained: Trained) -> clouds_runs.Runs:  # noqa: F811
    return clouds_runs.read_runs([trained.output], trained.data)


def test_folds_are_read_as_one(trained: Trained, runs) -> None:  # noqa: F811
    assert tuple(runs.masks)[:2] == SETS and len(runs.masks) == 4 and runs.rows.tolist() == list(range(10))
    assert (runs.fold_of_row == trained.fold_of_image).all() and runs.parameters["encoder"] == "tu-test_resnet"
    assert [path.parent.name for path in clouds_runs.trained_models([trained.output])[96, 64]] == ["96x64_fold0", "96x64_fold1"]


def test_a_fold_in_two_outputs_is_refused(trained: Trained) -> None:  # noqa: F811
    with pytest.raises(ValueError, match="96x64 fold 0 is in .*, expected it once"):
        clouds_runs.read_runs([trained.output] * 2, trained.data)


def _copied(trained: Trained, folder, **changed):  # noqa: F811
    """run.json alone, some of its parameters changed."""
    run = json.loads((trained.output / "run.json").read_text())
    run["parameters"] |= changed
    folder.mkdir()
    (folder / "run.json").write_text(json.dumps(run))
    return folder


def test_folds_of_two_experiments_are_not_mixed(trained: Trained, tmp_path) -> None:  # noqa: F811
    other = _copied(trained, tmp_path / "other", lr=0.5)
    with pytest.raises(ValueError, match="the parameter 'lr' is 0.003 in .* and 0.5 in .*, expected folds trained alike"):
        clouds_runs.read_runs([trained.output, other], trained.data)


def test_missing_weights_and_missing_runs_are_named(trained: Trained, tmp_path) -> None:  # noqa: F811
    with pytest.raises(FileNotFoundError, match="the weights of 96x64 fold 0 are missing"):
        clouds_runs.trained_models([_copied(trained, tmp_path / "alone")])
    with pytest.raises(FileNotFoundError, match="run.json is missing"):
        clouds_runs.trained_models([tmp_path])


def test_a_decision_knows_the_weights_it_was_measured_with(trained: Trained) -> None:  # noqa: F811
    noted = clouds_runs.fingerprints([trained.output])
    clouds_runs.require_same_weights(noted, [trained.output])
    with pytest.raises(ValueError, match="weights at 96x64 last are not those"):
        clouds_runs.require_same_weights(noted | {"96x64 last": noted["96x64 last"][::-1]}, [trained.output])


def test_folds_of_other_images_are_refused(trained: Trained, tmp_path) -> None:  # noqa: F811
    (tmp_path / "folds.csv").write_text("image,group,fold\na.jpg,a.jpg,0\n")
    with pytest.raises(ValueError, match="10 of 10 images have no fold, the first is"):
        clouds_runs.fold_of_images(trained.data.images, tmp_path / "folds.csv")


def test_predictions_of_other_images_are_refused(trained: Trained) -> None:  # noqa: F811
    with pytest.raises(ValueError, match="was trained on other images"):
        clouds_runs.read_runs([trained.output], trained.data.take(np.arange(9, -1, -1)))


def test_what_the_search_promises_is_what_the_decision_gives(trained: Trained, runs) -> None:  # noqa: F811
    """The fitted Dice of the search against masks drawn and scored one by one."""
    measured = look(runs, trained.data, Merge(SETS, how="sharpened"), (60, 128, 190), ("drawn", "rectangle"))
    candidate = fitted(measured, runs.fold_of_row)
    masks = [decided(candidate.decision, *_answers(runs, SETS, row)) for row in runs.rows]
    texts = np.array([[clouds.rle_from_mask(mask) for mask in four] for four in masks], dtype=object)
    assert clouds.score(trained.data.texts, texts, trained.data.shape).dice == pytest.approx(candidate.fitted, abs=1e-9)


def _answers(runs, sets, row) -> list[list[np.ndarray]]:
    return [[stores[name].read([row])[0] for name in sets] for stores in (runs.masks, runs.labels)]


def test_rules_come_with_cross_fitted_dice_for_every_image(trained: Trained, runs) -> None:  # noqa: F811
    steps = rules(look(runs, trained.data, Merge(SETS[:1]), (60, 128, 190)), runs.fold_of_row)
    assert list(steps) == ["all empty", "one half", "levels and sizes", "gate", "best class kept"]
    assert all(step.dice.shape == (10, 4) for step in steps.values())
    assert steps["levels and sizes"].fitted >= max(steps["one half"].fitted, steps["all empty"].fitted)
    assert not decided(steps["all empty"].decision, [np.ones((4, *clouds.SUBMISSION_SHAPE))], [np.ones(4)]).any()
    assert steps["gate"].fitted >= steps["levels and sizes"].fitted - 1e-9


def test_gains_have_intervals_over_groups_and_the_certain_one_is_chosen() -> None:
    rng = np.random.default_rng(0)
    base = rng.random((40, 4)) / 2
    dice = {"base": base, "surely": base + 0.1, "perhaps": base + rng.normal(0.12, 1.5, (40, 4))}
    table = dice_gains(dice, np.repeat(np.arange(20), 2), "base").set_index("name")
    assert table.loc["surely", ["gain_low", "gain_high"]].round(6).tolist() == [0.1, 0.1]
    assert table.loc["perhaps", "gain_low"] < 0 < table.loc["perhaps", "gain_high"]
    assert choose(table.reset_index(), list(dice), "base", "dice", certain=True) == "surely"
    assert choose(table.reset_index(), ["base"], "base", "dice", certain=True) == "base"


def test_the_most_test_like_images_have_a_table_and_a_line_of_their_own(tmp_path) -> None:
    dice = {"one half": np.arange(40.0).reshape(10, 4) / 40, "rule": np.full((10, 4), 0.9)}
    test_like = np.array([0, 9, 8, 1, 1, 1, 1, 1, 1, 2]) / 10  # rows 1, 2 and 9 are the likest
    table = dice_where_test_like(dice, test_like, np.arange(10), "one half", share=0.3)
    expected = dice["one half"][[1, 2, 9]].mean()
    assert table["dice"].round(9).tolist() == [round(expected, 9), 0.9] and table["images"].tolist() == [3, 3]
    (tmp_path / "3_decide").mkdir()
    facts = {"name": "rule", "dice": 0.9, "low": 0.8, "high": 1.0, "fitted": 0.95, "candidate": 0.92, "all_empty": 0.5}
    for alike in (None, table.to_dict("records")):
        write_decision(tmp_path / "3_decide" / "decision.json", CloudsDecision(Merge(("a",))), **facts, test_like=alike)
        lines = summary(tmp_path, None, ["3_decide"])
    assert lines[1] == f"on the 3 most test-like: 0.9000 [0.9000, 0.9000]; one half {expected:.4f}"


def test_one_set_has_nothing_to_weigh_but_ways() -> None:
    assert weighted(["a", "b", "c"])["2 x b"] == Merge(("a", "b", "c"), (1.0, 2.0, 1.0))


def test_a_decision_comes_back_from_its_file(tmp_path) -> None:
    rule = MaskDecision((ClassDecision(draw=80, decide=170, min_size=900, gate=0.3),) * 4, top_n=100, best_class=True)
    decision = CloudsDecision(Merge(SETS, (1.0, 2.0), "sharpened", 0.7), rule, labels=True)
    write_decision(tmp_path / "decision.json", decision, dice=np.float64(0.6), low=np.nan)
    assert read_decision(tmp_path / "decision.json") == (decision, {"dice": 0.6, "low": None})


def test_a_submission_is_made_of_all_folds_and_scored_by_the_summary(trained: Trained, tmp_path) -> None:  # noqa: F811
    asked = clouds_submission.asked_images(trained.input, [trained.output])
    assert str(asked) == "3 pictures: the test"
    decision = CloudsDecision(Merge((*SETS, "96x64_identity_last")))
    masks = clouds_submission.predicted_masks(asked, [trained.output], decision, trained.cache, batch=2)
    (tmp_path / "4_submit").mkdir()
    clouds.write_submission(tmp_path / "4_submit" / "submission.csv", asked.images["image"].tolist(), masks)
    assert clouds_submission.report(tmp_path / "4_submit", asked) is None
    lines = summary(tmp_path, hidden_folder(trained.input) / "truth.csv", ["4_submit"])
    assert lines[0].startswith("hidden-test Dice: ") and lines[-1].endswith("submission.csv")


def test_a_grey_training_is_submitted_grey(trained: Trained, tmp_path) -> None:  # noqa: F811
    """One fold on six pictures; that they are grey is read from run.json."""
    run = CloudsRun.chosen({"grayscale": True, "sizes": ((64, 32),)}, SMOKE)
    data = trained.data.take(np.arange(6))
    results = train_folds(data, np.arange(6) // 4, [1], tmp_path, run, cache=tmp_path / "cache")
    clouds_runs.write_run(tmp_path, data, results, run.plain())
    assert clouds_runs.trained_parameters([tmp_path])["grayscale"] is True
    asked = clouds_submission.asked_images(trained.input, [tmp_path])
    decision = CloudsDecision(Merge(("64x32_identity",)))
    masks = list(clouds_submission.predicted_masks(asked, [tmp_path], decision, tmp_path / "cache"))
    assert len(masks) == 3 and masks[0].shape == (4, *clouds.SUBMISSION_SHAPE)
    assert sorted(np.load(path).shape for path in (tmp_path / "cache").glob("frames_*.npy")) == [(3, 32, 64, 1), (6, 32, 64, 1)]


def test_validation_gives_what_the_out_of_fold_predictions_gave(trained: Trained, runs, tmp_path) -> None:  # noqa: F811
    """The submission's code on the first fold's pictures against the stored predictions of that fold."""
    asked = clouds_submission.asked_images(trained.input, [trained.output], validate=True)
    names = asked.images["image"].tolist()
    assert names == trained.data.images["image"].to_numpy()[trained.fold_of_image == 0].tolist()
    decision = CloudsDecision(Merge(SETS, how="geometric"), replace(CloudsDecision(Merge(SETS)).rule, top_n=0))
    masks = list(clouds_submission.predicted_masks(asked, [trained.output], decision, trained.cache, batch=2))
    for row, mask in zip(np.flatnonzero(trained.fold_of_image == 0), masks, strict=True):
        differing = mask != decided(decision, *_answers(runs, SETS, row))
        assert differing.mean() < 0.01  # stored in 8 bits
    clouds.write_submission(tmp_path / "submission.csv", names, masks)
    card = clouds_submission.report(tmp_path, asked)
    assert card.pairs == 20 and json.loads((tmp_path / "validation.json").read_text())["dice"] == pytest.approx(card.dice)


def test_a_missing_test_picture_is_named(trained: Trained, monkeypatch) -> None:  # noqa: F811
    table = clouds.test_images(trained.input).assign(exists=[True, False, True])
    monkeypatch.setattr(clouds, "test_images", lambda folder: table)
    with pytest.raises(ValueError, match=f"1 of 3 test pictures are not there, the first is {table['image'][1]}"):
        clouds_submission.asked_images(trained.input, [trained.output])
