"""A CPython 3.7 packed for Kaggle: what the upload takes away is restored, what it would spoil is not there."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import zipfile
from pathlib import Path

import pytest
from prefix_makers import make_prefix
from wheel_makers import make_wheel

from kaggle_utils.platform.wheels.python37 import Unfit, pack, packs, unpack
from kaggle_utils.platform.wheels.wheel import read_wheel
from kaggle_utils.platform.wheels.wheelhouse import faults

pytest_plugins = ["reef_fixtures"]


def fetch(requirement: str, python: str, folder: Path) -> Path:
    """A wheel with a package of that name, and tests in it."""
    name, version = requirement.split("==")
    wheel = make_wheel(folder, name, version)
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr(f"{name}/tests/test_{name}.py", "")
    return wheel


@pytest.fixture
def packed(tmp_path) -> Path:
    return pack(make_prefix(tmp_path / "prefix"), tmp_path / "dataset", fetch)


def names(packed: Path) -> list[str]:
    return zipfile.ZipFile(packed).namelist()


def test_files_older_than_archives_can_say_are_packed(tmp_path):
    prefix = make_prefix(tmp_path / "prefix")
    os.utime(prefix / "lib/python3.7/os.py", (0, 0))  # 1970, as some builds have it
    assert "python37/lib/python3.7/os.py" in names(pack(prefix, tmp_path / "dataset", fetch))


def test_the_pack_is_a_wheel_by_itself(packed):
    assert packed.name == "packed_python37-3.7.99-py3-none-manylinux_2_17_x86_64.whl"
    assert faults([read_wheel(packed)], ["3.12", "3.13"]) == []
    assert packs(packed.parent) == [packed]


def test_links_are_packed_as_files_and_modes_come_back(packed, tmp_path):
    os.chmod(packed, 0o444)  # as it lies in Kaggle's input
    python = unpack(packed, tmp_path, quiet=True)
    assert not [path for path in python.parents[1].rglob("*") if path.is_symlink()]
    assert os.access(python, os.X_OK) and not os.access(python.parents[1] / "lib/python3.7/os.py", os.X_OK)
    assert not any(stat.S_ISLNK(entry.external_attr >> 16) for entry in zipfile.ZipFile(packed).infolist())


def test_packed_are_the_library_and_the_pinned_packages_and_nothing_else(packed):
    library = {name.split("/")[3] for name in names(packed) if name.startswith("python37/lib/python3.7/")}
    assert library == {"os.py", "encodings", "site-packages"}
    packages = {name.split("/")[4] for name in names(packed) if "/site-packages/" in name}
    assert "numpy" in packages and "pandas" in packages and "a.py" not in packages
    assert not [name for name in names(packed) if "/tests/" in name]


def test_of_the_prefixs_own_libraries_those_that_are_loaded_go_along_under_all_their_names(tmp_path):
    prefix = make_prefix(tmp_path / "prefix", loads=(tmp_path / "prefix/lib/libffi.so.8.1", "/lib/libc.so.6"))
    for name in ("libffi.so.8.1", "libtk.so"):
        (prefix / "lib" / name).write_bytes(b"\x7fELF")
    (prefix / "lib" / "libffi.so.8").symlink_to("libffi.so.8.1")
    found = {name for name in names(pack(prefix, tmp_path / "dataset", fetch)) if ".so" in name}
    assert found == {"python37/lib/libffi.so.8", "python37/lib/libffi.so.8.1"}


@pytest.mark.parametrize("asked, tag", [("GLIBC_2.5", "manylinux_2_17"), ("GLIBC_2.35", "manylinux_2_35")])
def test_the_tag_says_which_c_library_is_needed(tmp_path, asked, tag):
    prefix = make_prefix(tmp_path / "prefix")
    (prefix / "lib/python3.7/fast.so").write_bytes(b"\x7fELF GLIBC_2.2.5 " + asked.encode())
    assert f"-py3-none-{tag}_x86_64.whl" in pack(prefix, tmp_path / "dataset", fetch).name


def test_a_c_library_younger_than_kaggles_is_refused_and_the_file_named(tmp_path):
    prefix = make_prefix(tmp_path / "prefix")
    (prefix / "lib/python3.7/fast.so").write_bytes(b"\x7fELF GLIBC_2.41")
    with pytest.raises(Unfit, match="lib/python3.7/fast.so asks for glibc 2.41, Kaggle's machines accept manylinux_2_35"):
        pack(prefix, tmp_path / "dataset", fetch)
    assert packs(tmp_path / "dataset") == []


def test_a_copy_that_does_not_run_is_refused_in_its_own_words(tmp_path):
    with pytest.raises(Unfit, match="does not run: no module named zlib"):
        pack(make_prefix(tmp_path / "prefix", fails="no module named zlib"), tmp_path / "dataset", fetch)


def test_a_prefix_without_an_interpreter_is_named(tmp_path):
    with pytest.raises(Unfit, match=f"{tmp_path} holds no bin/python3.7 with lib/python3.7"):
        pack(tmp_path, tmp_path / "dataset", fetch)


def test_what_is_unpacked_already_is_taken_as_it_is(packed, tmp_path):
    python = unpack(packed, tmp_path, quiet=True)
    packed.write_bytes(b"gone")
    assert unpack(packed, tmp_path, quiet=True) == python


@pytest.mark.parametrize("damage", ["cut", "flipped"])
def test_a_damaged_pack_is_told_and_leaves_nothing(packed, tmp_path, damage):
    whole = packed.read_bytes()
    at = whole.index(b"#!/bin/sh") if b"#!/bin/sh" in whole else 200
    packed.write_bytes(whole[: len(whole) // 2] if damage == "cut" else whole[:at] + b"????" + whole[at + 4 :])
    (tmp_path / "temp").mkdir()
    with pytest.raises(Unfit, match="cannot be unpacked into"):
        unpack(packed, tmp_path / "temp", quiet=True)
    assert list((tmp_path / "temp").iterdir()) == []


def test_the_real_one_runs_from_anywhere_and_without_its_prefix(packed_python37, tmp_path):
    lying = tmp_path / "kaggle input" / packed_python37.name
    lying.parent.mkdir()
    shutil.copyfile(packed_python37, lying)  # as after an upload: bytes and a name
    python = unpack(lying, tmp_path, quiet=True)
    says = "import sys, pandas; print(sys.version_info[:2], sys.prefix, pandas.__file__.startswith(sys.prefix))"
    there = {"LD_LIBRARY_PATH": str(python.parents[1] / "lib")}
    done = subprocess.run([python, "-I", "-c", says], capture_output=True, text=True, env=there, check=True)
    assert done.stdout.strip() == f"(3, 7) {python.parents[1]} True"
