"""Clouds: tables in, submission out, its score; the counts are those of the real table."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kaggle_utils.competitions import clouds
from kaggle_utils.masks.rle import mask_from_rle, rle_from_mask
from kaggle_utils.masks.scorecard import mask_scorecard, resized_mask
from kaggle_utils.tasks.masks.items import RunLengthItems
from kaggle_utils.tasks.submission import FileStream

NAMES = ["0011165.jpg", "002be4f.jpg"]
EMPTY = np.full((2, 4), "", dtype=object)


def table_of(texts: np.ndarray, names: list[str] = NAMES) -> pd.DataFrame:
    rows = [f"{name}_{kind}" for name in names for kind in clouds.CLASSES]
    return pd.DataFrame({"Image_Label": rows, "EncodedPixels": texts.ravel()})


def items(texts: np.ndarray | None = None) -> RunLengthItems:
    """Pictures at the size of a submission."""
    return RunLengthItems(pd.DataFrame({"image": NAMES[: len(NAMES if texts is None else texts)]}), clouds.CLASSES, clouds.SUBMISSION_SHAPE, texts)


def changed(table: pd.DataFrame, row: int, column: str, value: str) -> pd.DataFrame:
    table = table.copy()
    table.loc[row, column] = value
    return table


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    texts = EMPTY.copy()
    texts[0, 0], texts[1, 3] = "1 1400", "2938601 1400"
    table_of(texts).iloc[::-1].to_csv(tmp_path / "train.csv", index=False)
    (tmp_path / "train_images").mkdir()
    (tmp_path / "train_images" / NAMES[1]).write_bytes(_jpeg())
    return tmp_path


def _jpeg() -> bytes:
    import cv2

    return cv2.imencode(".jpg", np.zeros((1400, 2100, 3), np.uint8))[1].tobytes()


def test_images_come_in_order_of_name_and_missing_files_are_reported(folder: Path) -> None:
    data = clouds.load(folder)
    assert data.table["image"].tolist() == NAMES and data.table["exists"].tolist() == [False, True]
    assert str(data) == "2 pictures, 2 masks at 1400x2100; 1 of their files are missing"
    assert data.present().table["image"].tolist() == [NAMES[1]]


def test_labels_and_report_count_masks_by_class(folder: Path) -> None:
    data = clouds.load(folder)
    assert data.labels.astype(int).tolist() == [[1, 0, 0, 0], [0, 0, 0, 1]]
    assert data.report["masks"].to_dict() == {"Fish": 1, "Flower": 0, "Gravel": 0, "Sugar": 1}


def test_the_first_and_the_last_column_of_a_mask_keep_their_place_when_it_shrinks(folder: Path) -> None:
    """One column of 1400x2100 is a quarter of a column of 350x525, which is too little to be in."""
    data = clouds.load(folder)
    assert not clouds.truth(data, 0).any()
    full = data.masks(0, clouds.TRAIN_SHAPE)[0]
    assert full[:, 0].all() and not full[:, 1:].any()
    assert data.masks(1, clouds.TRAIN_SHAPE)[3][:, -1].all()


def test_half_a_pixel_is_in_and_less_is_not() -> None:
    mask = np.zeros((4, 8), bool)
    mask[:2, :4] = mask[0, 4:] = True
    assert resized_mask(mask, (1, 2)).tolist() == [[True, False]]


def resized_folder(tmp_path: Path, texts: np.ndarray) -> Path:
    """Pictures of 350x525, as folders of resized ones have them, beside a table."""
    import cv2

    table_of(texts).to_csv(tmp_path / "train.csv", index=False)
    (tmp_path / "train_images").mkdir()
    for name in NAMES:
        cv2.imwrite(str(tmp_path / "train_images" / name), np.zeros((350, 525, 3), np.uint8))
    return tmp_path


def test_resized_pictures_keep_the_run_lengths_of_the_organisers(tmp_path: Path) -> None:
    full = np.zeros(clouds.TRAIN_SHAPE, bool)
    full[400:800, 1200:2000] = True
    texts = EMPTY.copy()
    texts[1, 2] = rle_from_mask(full)
    data = clouds.load(resized_folder(tmp_path, texts))
    assert data.shape == clouds.TRAIN_SHAPE and len(data.present()) == 2
    assert (clouds.truth(data, 1)[2] == full[::4, ::4]).all()


def test_a_run_that_leaves_1400x2100_is_refused_whatever_the_pictures(tmp_path: Path) -> None:
    texts = EMPTY.copy()
    texts[0, 1] = "2940000 2"
    data = clouds.load(resized_folder(tmp_path, texts))
    with pytest.raises(ValueError, match="1400x2100: the run 2940000 2 is beyond the last pixel, 2940000"):
        clouds.truth(data, 0)


def test_run_lengths_that_were_resized_with_the_pictures_are_told(tmp_path: Path) -> None:
    texts = EMPTY.copy()
    texts[0, 1] = "183650 100"
    with pytest.raises(ValueError, match="train.csv: all runs end within the pictures' 350x525, expected.*at 1400x2100"):
        clouds.load(resized_folder(tmp_path, texts))


@pytest.mark.parametrize(
    ("row", "column", "value", "fault"),
    [
        (0, "EncodedPixels", "1 2 3", "0011165.jpg_Fish: run lengths of a mask of 350x525: 3 numbers"),
        (5, "EncodedPixels", "5 2 6 1", "002be4f.jpg_Flower: run lengths of a mask of 350x525: the run 6 1 overlaps"),
        (7, "EncodedPixels", "183750 2", "beyond the last pixel, 183750"),
        (7, "EncodedPixels", "-", "002be4f.jpg_Sugar"),
        (1, "Image_Label", "0011165.jpg_Fish", "1 Image_Label doubled: '0011165.jpg_Fish'"),
        (1, "Image_Label", "0011165.jpg_Cow", "1 Image_Label unknown: '0011165.jpg_Cow'"),
    ],
)
def test_faults_of_a_submission_name_the_row(row: int, column: str, value: str, fault: str) -> None:
    faults = clouds.faults(changed(table_of(EMPTY), row, column, value), items())
    assert any(fault in sentence for sentence in faults), faults


def test_a_submission_lacking_a_column_or_an_image_is_refused() -> None:
    whole = table_of(EMPTY)
    assert "the columns are" in clouds.faults(whole.rename(columns={"EncodedPixels": "rle"}), items())[0]
    assert clouds.faults(whole[:4], items())[0].startswith("4 Image_Label missing")
    assert clouds.faults(whole, items()) == []


def stream(tmp_path: Path, number: int = 2) -> FileStream:
    table = pd.DataFrame({"image": NAMES[:number], "exists": True, "path": NAMES[:number]})
    return FileStream(clouds, RunLengthItems(table, clouds.CLASSES, clouds.SUBMISSION_SHAPE), tmp_path / "submission.csv")


def test_a_submission_comes_back_as_it_was_written(tmp_path: Path) -> None:
    masks = np.random.default_rng(0).random((2, 4, *clouds.SUBMISSION_SHAPE)) > 0.7
    masks[1, 2] = False
    written = stream(tmp_path)
    for row in range(2):
        written.take(row, masks[row])
    texts = clouds.texts_of(pd.read_csv(written.close(), dtype=str, keep_default_na=False), items())
    again = [mask_from_rle(text, clouds.SUBMISSION_SHAPE) for text in texts.ravel()]
    assert texts[1, 2] == "" and (np.reshape(again, masks.shape) == masks).all()


def test_masks_of_another_size_or_number_are_not_written(tmp_path: Path) -> None:
    written = stream(tmp_path)
    with pytest.raises(ValueError, match=r"shape \(4, 1400, 2100\), expected \(4, 350, 525\)"):
        written.take(0, np.zeros((4, 1400, 2100), bool))
    written.take(0, np.zeros((4, 350, 525), bool))
    with pytest.raises(ValueError, match="submission.csv: 4 Image_Label missing: '002be4f.jpg_Fish'"):
        written.close()
    assert list(tmp_path.iterdir()) == []


def test_dice_by_hand() -> None:
    """Fish: 4 true, 4 predicted, 2 shared: 2*2/8 = .5; two empties: 1 and 1; Sugar: predicted in vain: 0."""
    truth = np.array([["1 4", "", "", ""]], dtype=object)
    card = clouds.score(items(truth), table_of(np.array([["3 4", "", "", "9 9"]], dtype=object), NAMES[:1]))
    assert card.score == card.dice == (0.5 + 1 + 1 + 0) / 4 and card.short == "0.6250; all empty 0.7500"
    assert list(card.by_class.values()) == [0.5, 1, 1, 0] and card.truths == 1 and card.predictions == 2


def test_no_pairs_have_no_score() -> None:
    none = np.empty((0, 2), dtype=object)
    assert np.isnan(mask_scorecard(none, none, ["a", "b"], (5, 5)).dice)


def test_files_at_the_size_of_train_are_scored_at_the_size_of_a_submission(tmp_path: Path) -> None:
    full = np.zeros(clouds.TRAIN_SHAPE, bool)
    full[400:800, 1200:2000] = True
    truth, answer = EMPTY.copy(), EMPTY.copy()
    truth[0, 1], answer[0, 1] = rle_from_mask(full), rle_from_mask(full[::4, ::4])
    table_of(truth).to_csv(tmp_path / "train.csv", index=False)
    table_of(answer).to_csv(tmp_path / "answer.csv", index=False)
    assert clouds.score_files(tmp_path / "train.csv", tmp_path / "answer.csv").dice == 1.0
    table_of(EMPTY).to_csv(tmp_path / "empty.csv", index=False)
    assert clouds.score_files(tmp_path / "train.csv", tmp_path / "empty.csv").dice == 1 - 1 / 8


def test_a_label_that_is_no_pair_of_image_and_class_is_named(tmp_path: Path) -> None:
    changed(table_of(EMPTY), 3, "Image_Label", "0011165.jpg").to_csv(tmp_path / "train.csv", index=False)
    with pytest.raises(ValueError, match="'0011165.jpg' does not end in one of Fish"):
        clouds.read_table(tmp_path / "train.csv")


@pytest.fixture
def boxes(real_data: Path) -> pd.DataFrame:
    path = real_data / "tables" / "clouds_train_boxes_1400x2100.csv"
    if not path.is_file():
        pytest.skip(f"{path.name} is not there")
    return pd.read_csv(path)


def test_counts_of_the_real_table_are_the_constants(boxes: pd.DataFrame) -> None:
    pairs = boxes[["image", "label"]].drop_duplicates()
    assert pairs["image"].nunique() == clouds.TRAIN_IMAGES == sum(fold.valid for fold in clouds.FULL.values())
    assert pairs["label"].value_counts().to_dict() == clouds.MASKS_OF_CLASS
    assert sum(clouds.MASKS_OF_CLASS.values()) == 11836
    assert round(1 - len(pairs) / (4 * clouds.TRAIN_IMAGES), 4) == 0.4665  # what empty masks score
    assert pairs.groupby("image").size().min() == 1  # no image without a class


def test_real_masks_are_the_unions_of_the_published_boxes(real_data: Path, boxes: pd.DataFrame) -> None:
    data = clouds.load(real_data / "input" / clouds.SLUG)
    assert data.shape == clouds.TRAIN_SHAPE
    for row, name in enumerate(data.table["image"][:8]):
        drawn = np.zeros((4, *clouds.TRAIN_SHAPE), bool)
        for box in boxes[boxes["image"] == name].itertuples():
            x, y = round(box.x), round(box.y)
            drawn[clouds.CLASSES.index(box.label), y : round(y + box.h), x : round(x + box.w)] = True
        masks = data.masks(row, clouds.TRAIN_SHAPE)
        assert 2 * (masks & drawn).sum() / (masks.sum() + drawn.sum()) > 0.95, name


def test_the_scorer_prints_a_submissions_dice(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    from kaggle_utils.cli import main

    truth = EMPTY.copy()
    truth[1, 2] = "1 350"
    for name, texts in (("truth.csv", truth), ("submission.csv", EMPTY)):
        table_of(texts).to_csv(tmp_path / name, index=False)
    asked = ["score", "clouds", "--truth", f"{tmp_path}/truth.csv", "--predictions", f"{tmp_path}/submission.csv"]
    assert main(asked) == 0 and "Dice 0.8750 (8 pairs, 1 true masks, 0 predicted" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main([*asked, "--plus-one"])
    assert "kaggle-utils score clouds: error: unrecognized arguments: --plus-one" in capsys.readouterr().err


def test_the_scorer_is_told_the_size_of_the_truth_or_tells_it_itself(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """A mask in the upper left: at 1400x2100 its run lengths are longer than 350x525 has pixels, or its size is said."""
    from kaggle_utils.cli import main

    answer = np.zeros(clouds.SUBMISSION_SHAPE, bool)
    answer[:100, :60] = True
    texts = EMPTY.copy()
    texts[0, 0] = rle_from_mask(answer)
    table_of(texts).to_csv(tmp_path / "submission.csv", index=False)
    for shape, times in (("1400x2100", 4), ("700x1050", 2), ("350x525", 1)):
        truth = EMPTY.copy()
        truth[0, 0] = rle_from_mask(answer.repeat(times, 0).repeat(times, 1))
        table_of(truth).to_csv(tmp_path / f"{shape}.csv", index=False)
        asked = ["score", "clouds", "--truth", f"{tmp_path}/{shape}.csv", "--predictions", f"{tmp_path}/submission.csv"]
        for told in [["--truth-shape", shape], *([[]] if times != 2 else [])]:
            assert main([*asked, *told]) == 0 and "Dice 1.0000 (8 pairs" in capsys.readouterr().out, (shape, told)
    assert main([*asked, "--truth-shape", "20x20"]) == 1
    assert "truth of row 0, Fish: run lengths of a mask of 20x20" in capsys.readouterr().err


@pytest.mark.parametrize("shape", ["350", "350x", "0x525", "350*525", "-1x5"])
def test_what_is_no_shape_is_refused(shape: str, capsys: pytest.CaptureFixture) -> None:
    from kaggle_utils.cli import main

    with pytest.raises(SystemExit):
        main(["score", "clouds", "--truth", "t.csv", "--predictions", "p.csv", f"--truth-shape={shape}"])
    assert "is no shape, expected height x width in pixels, as 1400x2100" in capsys.readouterr().err
