"""Files appear whole or not at all."""

import pytest

from kaggle_utils.files import replacing


def test_a_block_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("old")
    with pytest.raises(RuntimeError), replacing(path) as part:
        part.write_text("ne")
        raise RuntimeError
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["a.csv"]


def test_the_new_file_is_not_there_before_the_block_ends(tmp_path):
    path = tmp_path / "a.csv"
    with replacing(path) as part:
        part.write_text("new")
        assert not path.exists() and part.suffix == ".csv"
    assert path.read_text() == "new"
