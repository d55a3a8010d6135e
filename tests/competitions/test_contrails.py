"""Contrails: folders in, submission out, its score; half a pixel, on real records too."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kaggle_utils.competitions import contrails
from kaggle_utils.competitions.samples.contrails import make_sample
from kaggle_utils.competitions.samples.folders import hidden_folder
from kaggle_utils.images.infrared import contrast, half_pixel
from kaggle_utils.masks.rle import rle_from_mask
from kaggle_utils.tasks.hidden import HiddenTest
from kaggle_utils.tasks.masks.items import FolderItems, RunLengthItems
from kaggle_utils.tasks.submission import FileStream

RNG = np.random.default_rng(0)
KELVIN = {band: RNG.uniform(240, 300, (256, 256, 8)).astype(np.float32) for band in (11, 14, 15)}
EACH = (RNG.random((256, 256, 1, 3)) < 0.4).astype(np.int32)
ZONE = 'PARAMETER["central_meridian",-63],'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Records 2 and 10 with three annotators to train on, 1 to validate, and 3 whose files are missing."""
    folder = tmp_path_factory.mktemp("contrails")
    for split, name in (("train", "2"), ("train", "10"), ("validation", "1")):
        place = folder / split / name
        place.mkdir(parents=True)
        for band, kelvin in KELVIN.items():
            np.save(place / f"band_{band}.npy", kelvin)
        drawn = EACH * (name == "2")
        np.save(place / "human_pixel_masks.npy", (drawn.mean(3) > 0.5).astype(np.int32))
        if split == "train":
            np.save(place / "human_individual_masks.npy", drawn)
    place = {"projection_wkt": ZONE, "row_min": 256_000, "row_size": -2000, "col_min": 500_000, "col_size": 2000}
    known = [place | {"record_id": name, "timestamp": 1.5e9 + int(name)} for name in ("1", "3")]
    (folder / "validation_metadata.json").write_text(json.dumps(known))
    return folder


def test_records_come_in_order_of_name_with_time_and_place_where_they_are_known(folder: Path) -> None:
    table = contrails.load(folder).table
    assert table["record_id"].tolist() == ["1", "10", "2", "3"] and table["exists"].tolist() == [True, True, True, False]
    assert table["split"].tolist() == ["validation", "train", "train", "validation"]
    assert table["time"].isna().tolist() == [False, True, True, False]
    one = table.iloc[0]  # 256,000 m less 128 pixels of 2,000 m lie on the equator; 256,000 m east of the meridian, 2.3 degrees
    assert (one["time"], one["latitude"]) == (1.5e9 + 1, 0) and one["longitude"] == pytest.approx(-63 + 2.302, abs=1e-3)


def test_no_mask_is_read_before_it_is_asked_for(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    data = contrails.load(folder)
    data = FolderItems(data.table, data.classes, lambda path: read.append(path) or contrails.majority(path)).present()
    assert not read and len(data) == 3
    assert data.filled.tolist() == [False, False, True] and len(read) == 3
    assert data.take([2, 0]).labels.tolist() == [[True], [False]] and len(data.digest) == 64 and len(read) == 3


def test_the_digest_is_of_the_masks_alone(folder: Path, tmp_path: Path) -> None:
    data = contrails.load(folder).present()
    assert data.digest == contrails.load(folder).present().digest != data.take([0, 2, 1]).digest
    assert data.take([0]).digest == data.take([1]).digest  # both are empty


def test_pixels_are_ash_on_the_grid_of_their_labels(folder: Path) -> None:
    data = contrails.load(folder).present()
    moved = contrails.read(data, 0, None)
    blue = np.clip((half_pixel(KELVIN[14][..., 4]) - 243) / 60, 0, 1)
    np.testing.assert_array_equal(moved[..., 2], np.rint(255 * blue).astype(np.uint8))
    still = contrails.read(data, 0, None, align=False)
    red = np.clip((KELVIN[15][..., 4] - KELVIN[14][..., 4] + 4) / 6, 0, 1)
    np.testing.assert_array_equal(still[..., 0], np.rint(255 * red).astype(np.uint8))
    assert moved.dtype == np.uint8 and contrails.read(data, 0, (96, 64)).shape == (64, 96, 3)


def test_frames_are_channels_one_frame_behind_another(folder: Path) -> None:
    data = contrails.load(folder).present()
    several = contrails.read(data, 0, None, frames=(-1, 3))
    np.testing.assert_array_equal(several[..., 3:], contrails.read(data, 0, None, frames=[3]))
    with_changes = contrails.read(data, 0, None, frames=(-1, 0), changes=True)
    assert with_changes.shape == (256, 256, 18)
    np.testing.assert_array_equal(with_changes[..., 9:12], contrails.read(data, 0, None))
    assert contrails.read(data, 0, None, bands=["14", "ash"], ranges={"15-14": [-5, 0]}).shape == (256, 256, 4)


@pytest.mark.parametrize(("how", "wrong"), [({"bands": "13"}, "10/band_13.npy"), ({"frames": (4,)}, "frames .8."),
                                            ({"frames": (3,), "changes": True}, "10/band_11.npy")])  # fmt: skip
def test_a_band_or_a_frame_that_is_missing_is_named_with_its_record(folder: Path, how: dict, wrong: str) -> None:
    with pytest.raises((FileNotFoundError, ValueError), match=wrong):
        contrails.read(contrails.load(folder).present(), 1, None, **how)


def test_targets_are_the_majority_the_mean_or_one_annotator(folder: Path) -> None:
    data = contrails.load(folder)
    each = np.moveaxis(EACH[..., 0, :], 2, 0)
    assert (contrails.target(data, 2, (256, 256))[0] == (each.mean(0) > 0.5)).all()
    np.testing.assert_allclose(contrails.target(data, 2, (256, 256), how="mean")[0], each.mean(0), atol=1e-6)
    for draw in range(4):
        assert (contrails.target(data, 2, (256, 256), how="annotator", draw=draw)[0] == each[draw % 3]).all()
    small = contrails.target(data, 2, (128, 128), how="mean")
    assert small.shape == (1, 128, 128) and small.mean() == pytest.approx(each.mean(), abs=1e-6)
    assert (contrails.truth(data, 2) == (each.mean(0) > 0.5)).all()


def test_a_validation_record_has_the_majority_for_all_of_its_annotators(folder: Path) -> None:
    path = contrails.load(folder).table["path"].iloc[0]
    np.testing.assert_array_equal(contrails.annotators(path), contrails.majority(path))


def test_a_record_without_masks_and_a_target_that_is_none_are_named(folder: Path) -> None:
    with pytest.raises(FileNotFoundError, match="record 3 has no human_pixel_masks.npy"):
        contrails.truth(contrails.load(folder), 3)
    with pytest.raises(ValueError, match="target is 'mode', expected majority, mean, annotator"):
        contrails.target(contrails.load(folder), 0, (8, 8), how="mode")


def items(*names: str) -> FolderItems:
    return FolderItems(pd.DataFrame({"record_id": names, "exists": True, "path": names}), contrails.CLASSES)


def table_of(*rows: tuple[str, str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(contrails.COLUMNS))


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        ([("1", "-"), ("2", "")], "2: an empty mask is '', expected '-'"),
        ([("2", "-"), ("1", "-")], "row 0 has record_id '2', expected '1'"),
        ([("1", "5 2 6 1"), ("2", "-")], "1: the run 6 1 overlaps the run 5 2"),
        ([("1", "65536 2"), ("2", "-")], "1: the run 65536 2 is beyond the last pixel, 65536"),
        ([("1", "0 2"), ("2", "-")], "starts at pixel 0"),
        ([("1", "-"), ("1", "-")], "1 record_id missing: '2'"),
        ([("1", "-"), ("3", "-")], "1 record_id unknown: '3'"),
    ],
)
def test_faults_of_a_submission_name_the_record(rows: list, fault: str) -> None:
    faults = contrails.faults(table_of(*rows), items("1", "2"))
    assert any(fault in sentence for sentence in faults), faults
    assert "the columns are" in contrails.faults(table_of(*rows).rename(columns={"record_id": "id"}), items("1", "2"))[0]


def test_a_submission_is_written_column_by_column_and_comes_back(tmp_path: Path) -> None:
    mask = RNG.random((1, 256, 256)) < 0.1
    mask[0, :3, 0], mask[0, 3, 0] = True, False
    stream = FileStream(contrails, items("1", "2"), tmp_path / "submission.csv")
    stream.take(0, mask)
    stream.take(1, np.zeros((1, 256, 256), np.uint8))
    table = pd.read_csv(stream.close(), dtype=str, keep_default_na=False)
    assert table["encoded_pixels"][0].startswith("1 3 ") and table["encoded_pixels"][1] == "-"
    texts = np.array(contrails.answers(table, items("2", "1")), dtype=object)
    assert texts.tolist() == ["", rle_from_mask(mask[0])]
    with pytest.raises(ValueError, match=r"a record's mask has shape \(1, 8, 8\), expected \(1, 256, 256\)"):
        stream.take(0, np.zeros((1, 8, 8)))


def test_the_score_is_one_dice_over_all_pixels(tmp_path: Path) -> None:
    """6 true pixels, 5 predicted, 2 of them right: 2 x 2 / 11; what is found in the empty record counts as well."""
    table_of(("1", "1 6"), ("2", "-"), ("3", "-")).to_csv(tmp_path / "truth.csv", index=False)
    table_of(("1", "5 3"), ("2", "9 2"), ("3", "-")).to_csv(tmp_path / "answer.csv", index=False)
    card = contrails.score_files(tmp_path / "truth.csv", tmp_path / "answer.csv")
    assert card.score == pytest.approx(4 / 11) and (card.items, card.truths, card.predictions) == (3, 1, 2)
    assert json.loads(card.to_json())["common"] == 2 and card.short == "0.3636; all full 0.0001"
    table_of(("1", ""), ("2", "-")).to_csv(tmp_path / "truth.csv", index=False)
    with pytest.raises(ValueError, match="truth.csv: 1: an empty mask is ''"):
        contrails.score_files(tmp_path / "truth.csv", tmp_path / "answer.csv")


class TestTheHiddenTest:
    @pytest.fixture(scope="class")
    def sample(self, tmp_path_factory: pytest.TempPathFactory) -> Path:
        return make_sample(tmp_path_factory.mktemp("input") / "contrails", train=4, validation=2, test=5, side=32)

    @pytest.fixture
    def test(self, sample: Path) -> HiddenTest:
        return HiddenTest(contrails, contrails.hidden(hidden_folder(sample) / "test_images"))

    def table(self, test: HiddenTest) -> pd.DataFrame:
        texts = [text or "-" for text in test.items.texts[:, 0]]
        return table_of(*zip(test.items.table["record_id"], texts, strict=True))

    def test_it_is_scored_by_its_truth(self, test: HiddenTest) -> None:
        assert isinstance(test.items, RunLengthItems) and test.score(self.table(test)) == ("Dice", 1.0)
        assert test.faults(self.table(test)) == [] and test.clips is None

    def test_laid_out_again_it_is_the_competitions_test_with_bands_alone(self, test: HiddenTest, tmp_path: Path) -> None:
        few = test.take([3, 1])
        few.write(tmp_path)
        found = contrails.test(tmp_path)
        assert found.table["record_id"].tolist() == sorted(few.items.table["record_id"]) and found.table["exists"].all()
        np.testing.assert_array_equal(contrails.read(found, 1, (32, 32)), contrails.read(few.items, 0, (32, 32)))
        assert not few.faults(self.table(few).sort_values("record_id", ignore_index=True))

    def test_training_records_are_laid_out_in_their_splits(self, sample: Path, tmp_path: Path) -> None:
        data = contrails.load(sample)
        rows = np.array([np.flatnonzero(data.table["split"] == split)[0] for split in ("train", "validation")])
        contrails.lay_out(data.take(rows), tmp_path, test=False)
        again = contrails.load(tmp_path)
        assert again.table["split"].tolist() == data.take(rows).table.sort_values("record_id")["split"].tolist()
        assert len(again) == 2 and again.filled.tolist() == data.take(np.sort(rows)).filled.tolist()

    def test_a_test_laid_out_of_training_records_has_no_masks(self, sample: Path, tmp_path: Path) -> None:
        contrails.lay_out(contrails.load(sample).take([0, 1]), tmp_path)
        assert sorted(p.name for p in tmp_path.rglob("*.npy")) == sorted(2 * [f"band_{band}.npy" for band in (11, 14, 15)])
        assert contrails.faults(pd.read_csv(tmp_path / "sample_submission.csv", dtype=str), contrails.test(tmp_path)) == []

    def test_a_truth_that_lacks_a_record_is_refused(self, test: HiddenTest, tmp_path: Path) -> None:
        test.write(tmp_path)
        self.table(test)[1:].to_csv(tmp_path / "truth.csv", index=False)
        with pytest.raises(ValueError, match=f"1 record_id missing: '{test.items.table['record_id'].iloc[0]}'"):
            contrails.hidden(tmp_path / "test")
        (tmp_path / "truth.csv").unlink()
        assert isinstance(contrails.hidden(tmp_path / "test"), FolderItems)
        with pytest.raises(ValueError, match="has no records"):
            contrails.hidden(tmp_path / "no")

    def test_a_test_that_is_not_there_is_said_to_be_missing(self, tmp_path: Path) -> None:
        table_of(("7", "1 1"), ("5", "-")).to_csv(tmp_path / "sample_submission.csv", index=False)
        table = contrails.test(tmp_path).table
        assert table["record_id"].tolist() == ["5", "7"] and not table["exists"].any()


class TestRealRecords:
    @pytest.fixture
    def data(self, real_data: Path) -> FolderItems:
        return contrails.load(real_data / "input" / contrails.SLUG)

    def test_five_and_two_are_there_and_the_metadata_name_more(self, data: FolderItems) -> None:
        there = data.present()
        assert there.table["split"].value_counts().to_dict() == {"train": 5, "validation": 2}
        assert (data.table["split"] == "validation").sum() == contrails.VALIDATION_RECORDS
        assert there.filled.sum() == 4

    def test_their_majority_is_strict(self, data: FolderItems) -> None:
        there = data.present().table
        for path in there["path"][there["split"] == "train"]:
            np.testing.assert_array_equal(contrails.annotators(path).mean(0) > 0.5, contrails.majority(path)[0] > 0)

    def test_half_a_pixel_down_and_right_fits_best(self, data: FolderItems) -> None:
        """Facts from the same five records, with another measure of contrast: .198 unmoved, .207 moved, .180 the wrong way."""
        from kaggle_utils.images.kelvin import read_bands

        there = data.present().table
        found = {-1: [], 0: [], 1: []}
        for path in there["path"][there["split"] == "train"]:
            bands = read_bands(path, [14, 15], [contrails.LABELLED])
            for times, planes in found.items():
                planes.append(contrast(half_pixel((bands[14] - bands[15])[..., 0], times)))
        masks = np.concatenate([contrails.majority(path)[0] for path in there["path"][there["split"] == "train"]])
        fit = {k: np.corrcoef(np.concatenate(planes).ravel(), masks.ravel())[0, 1] for k, planes in found.items()}
        assert fit[-1] < fit[0] < fit[1], fit
        assert fit[1] / fit[0] > 1.04

    def test_every_record_is_read_in_every_way(self, data: FolderItems) -> None:
        there = data.present()
        for row in range(len(there)):
            assert contrails.read(there, row, (128, 128), frames=range(-4, 4)).shape == (128, 128, 24)
            assert contrails.read(there, row, None, changes=True).std() > 5
