"""Clouds' hidden test: cut, reordered, laid out again, and judged."""

from pathlib import Path

import pandas as pd
import pytest

from kaggle_utils.competitions import clouds
from kaggle_utils.competitions.samples.clouds import make_sample
from kaggle_utils.competitions.samples.folders import hidden_folder
from kaggle_utils.tasks.hidden import HiddenTest


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("rehearsal") / "clouds"
    return make_sample(place, images=2, test_images=5, size=(105, 70))


@pytest.fixture
def pictures(folder: Path) -> HiddenTest:
    return HiddenTest(clouds, clouds.hidden(hidden_folder(folder) / "test_images"))


def names(pictures: HiddenTest) -> list[str]:
    return pictures.items.table["image"].tolist()


def table_of(pictures: HiddenTest) -> pd.DataFrame:
    rows = [f"{name}_{kind}" for name in names(pictures) for kind in clouds.CLASSES]
    return pd.DataFrame({"Image_Label": rows, "EncodedPixels": pictures.items.texts.ravel()})


def test_the_samples_test_is_found_with_its_truth(folder: Path, pictures: HiddenTest) -> None:
    assert names(pictures) == clouds.test(folder).table["image"].tolist() and pictures.items.texts.shape == (5, 4)
    assert pictures.score(table_of(pictures)) == ("Dice", 1.0)


def test_laid_out_again_it_is_the_competitions_test(pictures: HiddenTest, tmp_path: Path) -> None:
    few = pictures.take([3, 1])
    few.write(tmp_path)
    images = clouds.test(tmp_path).table
    assert images["image"].tolist() == sorted(names(few)) and images["exists"].all()


def test_answers_follow_the_pictures_whatever_the_order_of_the_table(pictures: HiddenTest) -> None:
    table, order = table_of(pictures), pictures.other_order(24)
    assert order == [4, 2, 0] and pictures.clips is None
    whole = pictures.answers(table)
    assert pictures.take(order).answers(table.iloc[::-1]) == [whole[row] for row in order]
    assert pictures.same(whole[0], whole[0])


def test_faults_are_told_of_the_pictures_that_were_asked(pictures: HiddenTest) -> None:
    assert pictures.faults(table_of(pictures)) == []
    assert pictures.faults(table_of(pictures.some(2)))[0].startswith("12 Image_Label missing")


def test_a_truth_that_lacks_a_picture_is_refused(pictures: HiddenTest, tmp_path: Path) -> None:
    pictures.write(tmp_path)
    table_of(pictures.some(3)).to_csv(tmp_path / "truth.csv", index=False)
    with pytest.raises(ValueError, match=f"lacks the picture '{names(pictures)[3]}', expected all 5"):
        clouds.hidden(tmp_path / "test_images")
    (tmp_path / "truth.csv").unlink()
    unknown = clouds.hidden(tmp_path / "test_images")
    assert unknown.texts is None and HiddenTest(clouds, unknown, known=False).score(table_of(pictures)) is None
    with pytest.raises(ValueError, match="has no pictures"):
        clouds.hidden(tmp_path)
