"""The bootstrap cell and the installer of attached wheels: both mount layouts, nothing of the image replaced."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest
from wheel_makers import make_wheel

import kaggle_utils.platform
from kaggle_utils.platform.wheels import attached as attached_wheels
from kaggle_utils.platform.wheels.attached import WrongPython, best_wheels, folders, install

CELL = Path(kaggle_utils.platform.__file__).with_name("bootstrap.txt").read_text()
TORCHES = ("torch", "nvidia-cublas-cu12")


@pytest.fixture(params=["datasets/me/kaggle-utils-wheels", "kaggle-utils-wheels"])
def dataset(request, tmp_path, monkeypatch) -> Path:
    """The attached dataset of wheels, the kit's own in it, in a session whose packages go to ``site``."""
    monkeypatch.setenv("KAGGLE_KERNEL_RUN_TYPE", "Batch")
    monkeypatch.setenv("KAGGLE_UTILS_KAGGLE_ROOT", str(tmp_path / "kaggle"))
    monkeypatch.setenv("PIP_TARGET", str(tmp_path / "site"))
    monkeypatch.setattr(attached_wheels, "torch_works", lambda: True)
    return make_wheel(tmp_path / "kaggle" / "input" / request.param, "kaggle-utils").parent


def installed(tmp_path: Path) -> list[str]:
    return sorted(p.name for p in (tmp_path / "site").glob("*.dist-info"))


def test_what_is_lacking_is_installed_and_what_is_there_is_left_alone(dataset, tmp_path):
    make_wheel(dataset, "zzz-lacking", requires=("not-there-either",))
    make_wheel(dataset, "numpy", "99.0")
    assert folders() == [dataset]
    assert install() == ["zzz_lacking-1.0-py3-none-any.whl"]
    assert installed(tmp_path) == ["zzz_lacking-1.0.dist-info"]


def test_a_packed_interpreter_is_not_installed(dataset):
    make_wheel(dataset, "packed-python37", "3.7.16")
    assert install() == []


def test_wheels_of_other_datasets_are_none_of_its_business(dataset):
    make_wheel(dataset.with_name("somebody-elses"), "zzz-lacking")
    assert install() == []


def test_at_home_nothing_is_installed(dataset, monkeypatch):
    make_wheel(dataset, "zzz-lacking")
    monkeypatch.delenv("KAGGLE_KERNEL_RUN_TYPE")
    assert install() == []


def test_another_torch_is_left_alone_where_the_images_works(dataset):
    for name in TORCHES:
        make_wheel(dataset, name, "2.7.1")
    assert install() == []


def test_another_torch_is_installed_where_the_images_has_no_kernels(dataset, tmp_path, monkeypatch):
    monkeypatch.setattr(attached_wheels, "torch_works", lambda: False)
    for name in TORCHES:
        make_wheel(dataset, name, "2.7.1")
    install()
    assert installed(tmp_path) == ["nvidia_cublas_cu12-2.7.1.dist-info", "torch-2.7.1.dist-info"]


def test_torch_is_not_tried_when_no_other_is_attached(dataset, monkeypatch):
    monkeypatch.setattr(attached_wheels, "torch_works", lambda: pytest.fail("torch was tried"))
    install()


def test_the_newest_wheel_that_fits_is_taken(tmp_path):
    for version in ("1.9", "1.10"):
        make_wheel(tmp_path, "a", version)
    make_wheel(tmp_path, "a", "2.0", tag="cp27-cp27m-win32")
    assert [w.name for w in best_wheels(tmp_path.iterdir())] == ["a-1.10-py3-none-any.whl"]


def test_a_wheel_for_another_python_only_is_one_sentence(tmp_path):
    make_wheel(tmp_path, "fast", tag="cp27-cp27mu-manylinux1_x86_64")
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    with pytest.raises(WrongPython, match=rf"fast-1.0-cp27\S+ does not fit Python {here} .*wheels --python {here} --push"):
        best_wheels(tmp_path.iterdir())


def test_the_cell_is_short_and_runs_on_any_python_from_3_10():
    ast.parse(CELL, feature_version=(3, 10))
    assert len(CELL.splitlines()) <= 24 and max(map(len, CELL.splitlines())) <= 100


def test_with_the_kit_at_hand_the_cell_prints_one_line():
    done = subprocess.run([sys.executable, "-c", CELL], capture_output=True, text=True, check=True, env=at_home())
    assert done.stdout.startswith("at home | Python 3.") and done.stdout.count("\n") == 1


def test_of_several_kits_the_cell_installs_the_highest_version(tmp_path):
    for version in ("0.9.0", "0.10.0", "0.10.0rc1"):
        make_wheel(tmp_path / "input/kaggle-utils-wheels", "kaggle-utils", version)
    cell = CELL.partition("    importlib.invalidate_caches()")[0].replace('"/kaggle/input"', repr(str(tmp_path / "input")))
    cell = cell.replace('importlib.util.find_spec("kaggle_utils")', "None")  # it is here, or these tests would not run
    subprocess.run([sys.executable, "-c", cell], check=True, env=at_home() | {"PIP_TARGET": str(tmp_path / "site")})
    assert installed(tmp_path) == ["kaggle_utils-0.10.0.dist-info"]


def test_without_kit_and_wheels_the_cell_says_what_is_attached_and_what_to_attach():
    bare = [sys.executable, "-I", "-S", "-c", CELL]  # no site-packages, so no kit
    done = subprocess.run(bare, capture_output=True, text=True, check=False)
    last = done.stderr.splitlines()[-1]
    assert last.startswith("ModuleNotFoundError: kaggle_utils is not installed. Attached: ")
    assert "attach the dataset that `kaggle-utils wheels --push` made" in last


@pytest.mark.parametrize("spot", ["datasets/me/kaggle-utils-wheels", "kaggle-utils-wheels"])
def test_without_the_kit_the_cell_lists_and_finds_datasets_in_both_layouts(tmp_path, spot):
    (tmp_path / "input" / spot).mkdir(parents=True)
    cell = CELL.replace('"/kaggle/input"', repr(str(tmp_path / "input")))
    assert cell != CELL
    done = subprocess.run([sys.executable, "-I", "-S", "-c", cell], capture_output=True, text=True, check=False)
    assert spot in done.stderr.splitlines()[-1]


def at_home() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KAGGLE_")}
    root = Path(kaggle_utils.__file__).parents[1]
    return kept | {"PYTHONPATH": os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH")]))}
