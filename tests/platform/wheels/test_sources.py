"""Where wheels come from: pip, asked for Kaggle's Python, and the kit's own checkout."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from wheel_makers import make_wheel

from kaggle_utils.platform.wheels import sources as wheel_sources
from kaggle_utils.platform.wheels.sources import NoWheel
from kaggle_utils.platform.wheels.wheel import read_wheel


@pytest.fixture
def offline_pip(tmp_path, monkeypatch) -> Path:
    """pip sees nothing but one folder."""
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "links"))
    return tmp_path / "links"


def test_pip_downloads_for_kaggles_python_and_not_for_this_one(offline_pip, tmp_path):
    for tag in ("cp312-cp312-manylinux_2_28_x86_64", "cp313-cp313-manylinux_2_28_x86_64", "cp313-cp313-win_amd64"):
        make_wheel(offline_pip, "torch", "2.7.1", tag=tag)
    found = wheel_sources.download("torch==2.7.1", "3.13", tmp_path / "house")
    assert found == tmp_path / "house" / "torch-2.7.1-cp313-cp313-manylinux_2_28_x86_64.whl"


def test_a_package_that_is_nowhere_is_told_in_pips_words(offline_pip, tmp_path):
    offline_pip.mkdir()
    with pytest.raises(NoWheel, match="no wheel of nowhere: ERROR: .*nowhere"):
        wheel_sources.download("nowhere", "3.13", tmp_path / "house")


def test_the_kits_wheel_has_what_the_checkout_has_and_nothing_stale(tmp_path, monkeypatch):
    pytest.importorskip("setuptools")
    monkeypatch.setenv("PIP_NO_BUILD_ISOLATION", "0")  # pip reads this as: do not isolate
    checkout = tmp_path / "checkout"
    (checkout / "kaggle_utils" / "__pycache__").mkdir(parents=True)
    (checkout / "build" / "lib" / "kaggle_utils").mkdir(parents=True)
    (checkout / "build" / "lib" / "kaggle_utils" / "deleted.py").write_text("")
    (checkout / "kaggle_utils" / "__init__.py").write_text("")
    (checkout / "setup.py").write_text(
        "from setuptools import setup; setup(name='kaggle-utils', version='7', packages=['kaggle_utils'])"
    )
    built = wheel_sources.kit_wheel(tmp_path / "house", checkout)
    names = zipfile.ZipFile(built).namelist()
    assert built.name == "kaggle_utils-7-py3-none-any.whl" and read_wheel(built).fits("3.13")
    assert [name for name in names if name.endswith(".py")] == ["kaggle_utils/__init__.py"]
    assert wheel_sources.kit_differences(built, checkout) == []
    (checkout / "kaggle_utils" / "__init__.py").write_text("edited = True")
    (checkout / "kaggle_utils" / "new.py").touch()
    assert wheel_sources.kit_differences(built, checkout) == ["kaggle_utils/__init__.py", "kaggle_utils/new.py"]


def test_without_a_checkout_there_is_no_kit_to_build(tmp_path):
    with pytest.raises(NoWheel, match="holds no setup.py"):
        wheel_sources.kit_wheel(tmp_path / "house", tmp_path)
