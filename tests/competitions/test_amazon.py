"""Amazon: tables in, submission out, its score; the counts are those of the real table."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kaggle_utils.competitions import amazon
from kaggle_utils.competitions.samples.amazon import make_sample
from kaggle_utils.competitions.samples.amazon_land import WITH_AGRICULTURE
from kaggle_utils.competitions.samples.folders import hidden_folder
from kaggle_utils.labels.metrics import mean_f2
from kaggle_utils.tasks.hidden import HiddenTest
from kaggle_utils.tasks.labels.items import LabelItems

CONSTANT = "primary clear agriculture road water"


def text_of(rows: dict[str, str]) -> str:
    return "\n".join(["image_name,tags", *(f"{name},{tags}" for name, tags in rows.items())]) + "\n"


def jpg(path: Path) -> None:
    import cv2

    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".jpg", np.zeros((4, 4, 3), np.uint8))[1].tobytes())


def table_of(items: LabelItems, labels: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame({"image_name": items.table["image_name"], "tags": amazon.tags_of(labels)})


def labels_in_words(*rows: str) -> np.ndarray:
    return amazon.labels_of(pd.Series(rows))


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_sample(tmp_path_factory.mktemp("input") / "amazon", chips=60, test_chips=9, side=24)


@pytest.mark.parametrize(
    "table, places",
    [
        ("train_v2.csv", "train-jpg"),
        ("planet/planet/train_classes.csv", "planet/planet/train-jpg"),
        ("train_classes.csv", "train-jpg/train-jpg/train-jpg"),
    ],
)
def test_chips_and_tables_are_found_however_deep_and_missing_ones_are_marked(tmp_path: Path, table: str, places: str) -> None:
    (tmp_path / table).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / table).write_text(text_of({"train_10": "haze primary", "train_2": "", "train_0": "cloudy"}))
    for name in ("train_0", "train_10"):
        jpg(tmp_path / places / f"{name}.jpg")
    items = amazon.load(tmp_path)
    assert items.table["image_name"].tolist() == ["train_10", "train_2", "train_0"]
    assert items.table["exists"].tolist() == [True, False, True] and items.filled.tolist() == [True, False, True]
    assert str(items) == "3 items, 3 labels; 1 of their files are missing"
    assert amazon.read(items.present(), 1, (2, 2)).shape == (2, 2, 3)


def test_the_test_is_in_the_sample_submissions_order_from_both_folders(tmp_path: Path) -> None:
    (tmp_path / "sample_submission_v2.csv").write_text(text_of(dict.fromkeys(["test_1", "test_0", "file_0"], CONSTANT)))
    jpg(tmp_path / "test-jpg/test_0.jpg")
    jpg(tmp_path / "test-jpg/test_1.jpg")
    jpg(tmp_path / "test-jpg-additional/test-jpg-additional/file_0.jpg")
    items = amazon.test(tmp_path)
    assert items.table["image_name"].tolist() == ["test_1", "test_0", "file_0"] and items.table["exists"].all()
    assert items.labels is None and not items.filled.any()


@pytest.mark.parametrize("kept", ["", "train_v2.csv"])
def test_archives_that_are_not_unpacked_are_an_error_with_both_ways_out(tmp_path: Path, kept: str) -> None:
    for name in ("train-jpg.tar.7z", "train-tif-v2.tar.7z", "train_v2.csv.zip"):
        (tmp_path / name).write_bytes(b"7z")
    if kept:
        (tmp_path / kept).write_text(text_of({"train_0": "clear"}))
    with pytest.raises(ValueError, match=r"holds archives, train-jpg.tar.7z, .*: attach .* dataset_sources, or unpack .*7z x"):
        amazon.load(tmp_path)


def test_archives_beside_their_content_do_no_harm(tmp_path: Path) -> None:
    (tmp_path / "train-jpg.tar.7z").write_bytes(b"7z")
    (tmp_path / "train_v2.csv").write_text(text_of({"train_0": "clear"}))
    jpg(tmp_path / "train-jpg/train_0.jpg")
    assert len(amazon.load(tmp_path).present()) == 1


def test_a_folder_without_a_table_says_which_it_looked_for(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"has no train_v2.csv and no train_classes.csv"):
        amazon.load(tmp_path)


@pytest.mark.parametrize(
    "rows, told",
    [
        ("train_0,haze primry\n", r"train_0 has the tag 'primry', expected some of agriculture"),
        ("train_0,haze\ntrain_0,clear\n", "image_name 'train_0' stands more than once"),
    ],
)
def test_a_table_with_unknown_tags_or_doubled_names_is_refused(tmp_path: Path, rows: str, told: str) -> None:
    (tmp_path / "train_v2.csv").write_text("image_name,tags\n" + rows)
    with pytest.raises(ValueError, match=told):
        amazon.load(tmp_path)


def test_tags_and_labels_are_each_others_inverse() -> None:
    labels = np.random.default_rng(0).random((50, 17)) < 0.2
    assert np.array_equal(amazon.labels_of(pd.Series(amazon.tags_of(labels))), labels)
    assert labels_in_words(" clear  primary ").sum() == 2


def test_faults_are_told_in_sentences(sample: Path) -> None:
    items = amazon.test(sample)
    table = table_of(items, labels_in_words(*["clear primary"] * len(items)))
    assert amazon.faults(table, items) == [] == amazon.faults(table.iloc[::-1], items)
    assert amazon.faults(table.rename(columns={"tags": "labels"}), items)[0].startswith("the columns are")
    assert amazon.faults(table.iloc[1:], items) == ["1 image_name missing: 'test_0'"]
    wrong = amazon.faults(table.assign(tags=["clear", "artisanal_mine", "nebula", *table["tags"][3:]]), items)
    assert wrong[0].startswith("test_1 has the tag 'artisanal_mine'") and wrong[1] == "1 more tags are no label's"


def test_the_score_is_the_mean_f2_whatever_the_order_of_rows(tmp_path: Path) -> None:
    (tmp_path / "truth.csv").write_text(text_of({"test_0": "clear primary", "file_0": "cloudy"}))
    (tmp_path / "mine.csv").write_text(text_of({"file_0": "", "test_0": "primary clear road"}))
    card = amazon.score_files(tmp_path / "truth.csv", tmp_path / "mine.csv")
    assert card.score == pytest.approx((5 * 2 / (4 * 2 + 3) + 0) / 2) and card.by_label["road"][0] == 0
    (tmp_path / "mine.csv").write_text(text_of({"file_0": ""}))
    with pytest.raises(ValueError, match="1 image_name missing: 'test_0'"):
        amazon.score_files(tmp_path / "truth.csv", tmp_path / "mine.csv")


def test_a_submission_is_written_as_it_was_decided_and_refused_where_it_lacks_chips(sample: Path, tmp_path: Path) -> None:
    items = amazon.test(sample)
    labels = np.random.default_rng(1).random((len(items), 17)) < 0.3
    stream = amazon.stream(None, sample, tmp_path)
    for row, look in stream:
        assert look((8, 8)).shape == (8, 8, 3)
        stream.take(row, labels[row])
    path = stream.close()
    written = amazon.read_table(path)
    assert written["image_name"].tolist() == items.table["image_name"].tolist()
    assert amazon.answers(written.iloc[::-1], items) == written["tags"].tolist() == amazon.tags_of(labels)
    with pytest.raises(ValueError, match=r"labels have shape \(4,\), expected \(17,\)"):
        amazon.rows(items, 0, np.zeros(4))


class TestHidden:
    @pytest.fixture
    def chips(self, sample: Path) -> HiddenTest:
        return HiddenTest(amazon, amazon.hidden(hidden_folder(sample) / "test_images"))

    def test_it_has_its_truth_and_scores_it_with_one(self, chips: HiddenTest, sample: Path) -> None:
        assert set(chips.items.table["image_name"]) == set(amazon.test(sample).table["image_name"])
        assert chips.score(table_of(chips.items, chips.items.labels)) == ("F2", 1.0)

    def test_laid_out_again_it_is_the_competitions_test(self, chips: HiddenTest, tmp_path: Path) -> None:
        few = chips.take([5, 0, 2])
        few.write(tmp_path)
        found = amazon.test(tmp_path)
        assert found.table["image_name"].tolist() == few.items.table["image_name"].tolist()
        assert found.table["exists"].all() and found.table["tif"].all()
        assert {path.parent.name for path in tmp_path.rglob("*.jpg")} == {"test-jpg", "test-jpg-additional"}

    def test_training_chips_laid_out_again_are_a_table(self, sample: Path, tmp_path: Path) -> None:
        items = amazon.load(sample).take([3, 1])
        amazon.lay_out(items, tmp_path, test=False)
        found = amazon.load(tmp_path)
        assert found.table["image_name"].tolist() == ["train_3", "train_1"] and np.array_equal(found.labels, items.labels)

    def test_a_truth_that_lacks_a_chip_is_refused(self, chips: HiddenTest, tmp_path: Path) -> None:
        chips.write(tmp_path)
        assert amazon.hidden(tmp_path).labels is None
        (tmp_path / "truth.csv").write_text(text_of({"test_0": "clear"}))
        with pytest.raises(ValueError, match=r"truth.csv: lacks the chip 'file_0', expected all 9"):
            amazon.hidden(tmp_path)
        with pytest.raises(ValueError, match="has no chips"):
            amazon.hidden(tmp_path / "test-tif-v2")


class TestPixels:
    def test_colours_come_from_the_jpg_and_other_bands_from_the_tif(self, sample: Path) -> None:
        items = amazon.load(sample)
        told = amazon.fit_pixels(items)
        rgb = amazon.read(items, 0, None)
        four = amazon.read(items, 0, (12, 12), bands=("red", "green", "blue", "nir"), **told)
        assert rgb.shape == (24, 24, 3) and four.shape == (12, 12, 4) and four.dtype == np.uint8
        assert amazon.read(items, 0, None, bands=("nir", "ndvi"), **told).shape == (24, 24, 2)

    def test_haze_is_taken_from_colours_alone(self, sample: Path) -> None:
        items = amazon.load(sample)
        told, bands = amazon.fit_pixels(items), ("red", "green", "blue", "nir")
        row = int(np.flatnonzero(items.labels[:, amazon.CLASSES.index("haze")])[0])
        plain, clear = (amazon.read(items, row, None, bands, dehazed=dehazed, **told) for dehazed in (False, True))
        assert np.array_equal(plain[..., 3], clear[..., 3]) and clear[..., :3].mean() < plain[..., :3].mean()
        with pytest.raises(ValueError, match="expected red, green, blue first"):
            amazon.read(items, row, None, ("nir",), dehazed=True, **told)

    def test_a_chip_without_its_tif_is_named(self, sample: Path) -> None:
        items = amazon.load(sample)
        bare = LabelItems(items.table.assign(tif=""), items.classes, items.labels)
        assert amazon.fit_pixels(bare) == {} and amazon.read(bare, 0, None).any()
        with pytest.raises(FileNotFoundError, match=r"train_0 has no TIF, expected train_0.tif for the bands nir"):
            amazon.read(bare, 0, None, bands=("nir",))


class TestTheRealTable:
    @pytest.fixture(scope="class")
    def labels(self, real_data: Path) -> np.ndarray:
        return amazon.labels_of(amazon.read_table(real_data / "tables" / "amazon_train_v2.csv")["tags"])

    def test_its_counts_are_the_constants(self, labels: np.ndarray) -> None:
        assert dict(zip(amazon.CLASSES, labels.sum(0).tolist(), strict=True)) == amazon.CHIPS_OF_LABEL
        assert len(labels) == amazon.TRAIN_CHIPS == sum(size.valid for size in amazon.FULL.values())

    def test_tags_that_stand_twice_in_a_row_count_once(self, labels: np.ndarray, real_data: Path) -> None:
        words = amazon.read_table(real_data / "tables" / "amazon_train_v2.csv")["tags"].str.split()
        often = words.explode().value_counts()
        assert (often["cultivation"], often["blow_down"]) == (4547, 101)  # as they are mostly told
        assert sum(len(row) > len(set(row)) for row in words) == often.sum() - labels.sum() == 73

    def test_labels_stand_beside_agriculture_as_often_as_the_painter_says(self, labels: np.ndarray) -> None:
        both = dict(zip(amazon.CLASSES, labels[labels[:, 0]].sum(0).tolist(), strict=True))
        assert {name: both[name] for name in WITH_AGRICULTURE} == WITH_AGRICULTURE

    def test_weather_is_exclusive_on_all_chips_but_one_and_cloudy_stands_alone(self, labels: np.ndarray) -> None:
        [weather], [cloudy] = amazon.KIND.exclusive, amazon.KIND.alone
        assert (labels[:, list(weather)].sum(1) != 1).sum() == 1
        assert (labels[labels[:, cloudy]].sum(1) == 1).all()

    @pytest.mark.parametrize(
        "tags, figure",
        [
            (" ".join(amazon.CLASSES), 0.4837),
            (CONSTANT, 0.6746),
            ("agriculture clear partly_cloudy primary road water", 0.6890),
        ],
    )
    def test_constant_answers_have_the_known_figures(self, labels: np.ndarray, tags: str, figure: float) -> None:
        given = np.broadcast_to(labels_in_words(tags), labels.shape)
        assert mean_f2(labels, given) == pytest.approx(figure, abs=5e-5)

    def test_the_sample_submission_has_all_hidden_items_test_first(self, real_data: Path) -> None:
        table = amazon.read_table(real_data / "tables" / "amazon_sample_submission_v2.csv")
        kinds = table["image_name"].str.partition("_")[0].tolist()
        assert len(table) == amazon.HIDDEN_ITEMS and set(table["tags"]) == {CONSTANT}
        assert kinds == ["test"] * 40_669 + ["file"] * 20_522

    def test_the_five_chips_load(self, real_data: Path) -> None:
        items = amazon.load(real_data / "input" / amazon.SLUG)
        told = amazon.fit_pixels(items)
        assert str(items) == "5 items, 15 labels; all files are there"
        for row in range(5):
            assert amazon.read(items, row, None).shape == (256, 256, 3)
            assert amazon.read(items, row, (128, 128), ("red", "green", "blue", "nir"), **told).shape == (128, 128, 4)
