"""Files appear whole or not at all."""

from pathlib import Path

import pytest

from kaggle_utils.files import replacing, swap


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


@pytest.fixture
def folders(tmp_path) -> tuple[Path, Path, Path]:
    """A new folder, the one whose place it shall take, and where that one shall go."""
    new, folder, old = tmp_path / "new", tmp_path / "outputs", tmp_path / "earlier/outputs"
    for path in (new, folder):
        path.mkdir()
        (path / "a.csv").write_text(path.name)
    return new, folder, old


@pytest.mark.parametrize("trouble", [OSError, KeyboardInterrupt])
def test_a_folder_comes_back_where_the_new_one_does_not_take_its_place(folders, trouble, monkeypatch):
    new, folder, old = folders
    rename = Path.rename

    def stopped(path: Path, target: Path) -> Path:
        if path == new:
            raise trouble
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", stopped)
    with pytest.raises(trouble):
        swap(new, folder, old)
    assert (folder / "a.csv").read_text() == "outputs" and not old.exists()


def test_what_was_put_aside_before_is_not_written_over(folders):
    new, folder, old = folders
    old.mkdir(parents=True)
    with pytest.raises(FileExistsError, match="outputs cannot be put aside as .*earlier/outputs"):
        swap(new, folder, old)
    assert (folder / "a.csv").read_text() == "outputs" and list(old.iterdir()) == []
