"""Files appear whole or not at all, and their JSON is such as any reader takes."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaggle_utils.errors import KitError
from kaggle_utils.files import json_text, plain, replacing, swap


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


@pytest.mark.skipif(os.name != "posix", reason="asks the system whether a process is alive")
def test_what_killed_processes_left_half_written_goes_and_what_others_write_stays(tmp_path):
    code = (
        "import os, sys, time\nfrom kaggle_utils.files import replacing\n"
        "with replacing(sys.argv[1]) as part:\n    part.write_text('half')\n    print(part, flush=True)\n    time.sleep(600)\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "a.csv")]
    dead, alive = (subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2))
    with dead, alive:
        left, wanted = (Path(process.stdout.readline().strip()) for process in (dead, alive))
        dead.kill()
        dead.wait()
        (tmp_path / ".a-1-2.csv").write_text("of somebody else")
        with replacing(tmp_path / "b.csv") as part:
            part.write_text("whole")
        there = {file.name for file in tmp_path.iterdir()}
        alive.kill()
    assert there == {"b.csv", ".a-1-2.csv", wanted.name} and left.name not in there


def test_a_full_disk_is_a_sentence_and_leaves_the_old_file(tmp_path):
    (tmp_path / "a.csv").write_text("old")
    with pytest.raises(KitError, match="a.csv cannot be written, the disk is full"), replacing(tmp_path / "a.csv") as part:
        part.write_text("ne")
        raise OSError(errno.ENOSPC, "No space left on device")
    assert (tmp_path / "a.csv").read_text() == "old" and len(list(tmp_path.iterdir())) == 1


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


leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()


@given(st.recursive(leaves, lambda part: st.lists(part) | st.dictionaries(st.text(), part)))
def test_what_json_has_comes_back_as_it_went_in(value):
    assert json.loads(json_text(value)) == value
    assert "\n" not in json_text(value)


def test_what_json_lacks_becomes_what_it_has():
    value = {"a": np.float32(0.5), "b": (np.int64(1), {3, 2}), "c": Path("x/y"), "d": np.nan, "e": np.zeros((1, 2))}
    assert json.loads(json_text(value)) == {"a": 0.5, "b": [1, [2, 3]], "c": "x/y", "d": None, "e": [[0, 0]]}


def test_what_has_no_form_is_named():
    with pytest.raises(ValueError, match="is a complex, expected numbers"):
        plain({"a": [1j]})
