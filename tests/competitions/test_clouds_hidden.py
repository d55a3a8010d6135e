"""What a rehearsal knows of clouds: a test cut, reordered, laid out again, and judged."""

from pathlib import Path

import pandas as pd
import pytest
from kaggle_utils.competitions.clouds_rehearsal import TestPictures, hidden_test

from kaggle_utils.competitions import clouds
from kaggle_utils.competitions.samples.clouds import hidden_folder, make_clouds_sample


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("rehearsal") / "clouds"
    return make_clouds_sample(place, images=2, test_images=5, size=(105, 70), progress=False)


@pytest.fixture
def pictures(folder: Path) -> TestPictures:
    return hidden_test(hidden_folder(folder) / "test_images")


def table_of(pictures: TestPictures) -> pd.DataFrame:
    rows = [f"{name}_{kind}" for name in pictures.names for kind in clouds.CLASSES]
    return pd.DataFrame({"Image_Label": rows, "EncodedPixels": pictures.texts.ravel()})


def test_the_samples_test_is_found_with_its_truth(folder: Path, pictures: TestPictures) -> None:
    assert pictures.names == clouds.test_images(folder)["image"].tolist() and pictures.texts.shape == (5, 4)
    assert pictures.score(table_of(pictures)) == ("Dice", 1.0)


def test_laid_out_again_it_is_the_competitions_test(pictures: TestPictures, tmp_path: Path) -> None:
    few = pictures.take([3, 1])
    few.write(tmp_path)
    images = clouds.test_images(tmp_path)
    assert images["image"].tolist() == sorted(few.names) and images["exists"].all()


def test_answers_follow_the_pictures_whatever_the_order_of_the_table(pictures: TestPictures) -> None:
    table, order = table_of(pictures), pictures.other_order(24)
    assert order == [4, 2, 0]
    whole = pictures.answers(table)
    assert pictures.take(order).answers(table.iloc[::-1]) == [whole[row] for row in order]


def test_faults_are_told_of_the_pictures_that_were_asked(pictures: TestPictures) -> None:
    assert pictures.faults(table_of(pictures)) == []
    assert pictures.faults(table_of(pictures.some(2)))[0].startswith("12 Image_Label missing")


def test_a_few_pixels_are_the_same_answer_and_a_mask_more_is_not() -> None:
    assert TestPictures.same("|||1 1000", "|||1 995") and not TestPictures.same("|||1 1000", "|||1 700")
    assert not TestPictures.same("|||", "||9 1|") and TestPictures.same("|||", "|||")


def test_a_truth_that_lacks_a_picture_is_refused(pictures: TestPictures, tmp_path: Path) -> None:
    pictures.write(tmp_path)
    table_of(pictures.some(3)).to_csv(tmp_path / "truth.csv", index=False)
    with pytest.raises(ValueError, match=f"lacks the picture '{pictures.names[3]}', expected all 5"):
        hidden_test(tmp_path / "test_images")
    (tmp_path / "truth.csv").unlink()
    assert hidden_test(tmp_path / "test_images").score(table_of(pictures)) is None
    with pytest.raises(ValueError, match="has no pictures"):
        hidden_test(tmp_path)
