"""The dataset of wheels: complete, harmless to the image, and named so that it survives the upload."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from prefix_makers import make_prefix
from wheel_makers import Index, kit_requirements, make_wheel

from kaggle_utils.platform.wheels.python37 import PACKAGES
from kaggle_utils.platform.wheels.sources import NoWheel
from kaggle_utils.platform.wheels.wheelhouse import (
    Incomplete,
    build,
    describe_dataset,
    described_pythons,
    faults,
    read_wheelhouse,
)

BOTH = ("3.12", "3.13")


@pytest.fixture
def index(tmp_path) -> Index:
    return Index(tmp_path / "index")


def kit(*requires: str):
    return lambda folder: make_wheel(folder, "kaggle-utils", "0.1", requires)


def made(tmp_path, index, *requires, **named) -> list[str]:
    given = {"also": (), "kit": kit(*requires)} | named
    wheels = build(tmp_path / "house", "me", fetch=index.fetch, **given)
    return [f"{w.name} {w.version}" for w in wheels]


def wheels_of(folder: Path, *makings) -> list:
    for making in makings:
        make_wheel(folder, **making)
    return read_wheelhouse(folder)


def test_what_the_image_holds_is_left_to_the_image(tmp_path, index):
    assert made(tmp_path, index, "numpy>=2.0", "torch", "opencv-python", "PyYAML") == ["kaggle-utils 0.1"]
    assert index.asked == []


def test_of_all_that_the_kit_requires_what_the_image_has_and_what_serves_at_home_is_not_carried(tmp_path, index):
    """The client for pushing, with six that it imports: the image's own is older, and left as it is."""
    lacking = {"ensemble-boxes": "1.0.9", "norfair": "2.1.1", "segmentation-models-pytorch": "0.5.0", "ultralytics": "8.4.0"}
    for name, version in lacking.items():
        index.add(name, version)
    carried = made(tmp_path, index, *kit_requirements())
    assert carried == sorted(["kaggle-utils 0.1", *(" ".join(pair) for pair in lacking.items())])
    assert {"kaggle", "six"} <= {Requirement(text).name for text in kit_requirements()}


def test_an_extra_of_the_kit_is_carried_where_it_is_asked_for(tmp_path, index):
    index.add("onnx-like", "1.0", ("numpy",))
    needs = 'onnx-like; extra == "export"'
    assert made(tmp_path, index, needs) == ["kaggle-utils 0.1"]
    assert made(tmp_path, index, needs, also=["kaggle_utils[export]"]) == ["kaggle-utils 0.1", "onnx-like 1.0"]


def test_of_a_companion_an_older_client_in_the_image_is_a_fault(tmp_path, index):
    index.add("uploader", requires=("kaggle>=2.2.4",))
    with pytest.raises(Incomplete, match=r"uploader 1.0 requires kaggle>=2.2.4, the image has 2.0.2"):
        made(tmp_path, index, "uploader")


def test_companions_are_found_by_following_requirements(tmp_path, index):
    index.add("ultralytics", "8.4.190", ("ultralytics-thop>=2.2.3", "torch>=1.8.0", "nvidia-ml-py>=12"))
    index.add("ultralytics-thop", "2.2.3", ("numpy",))
    index.add("nvidia-ml-py", "13.0")
    found = made(tmp_path, index, "ultralytics>=8.3")
    assert found == ["kaggle-utils 0.1", "nvidia-ml-py 13.0", "ultralytics 8.4.190", "ultralytics-thop 2.2.3"]


def test_a_pure_wheel_is_fetched_once_for_both_pythons(tmp_path, index):
    index.add("norfair")
    made(tmp_path, index, "norfair")
    assert index.asked == [("norfair", "3.12")]


def test_a_compiled_wheel_is_fetched_for_each_python(tmp_path, index):
    for tag in ("cp312-cp312-manylinux_2_28_x86_64", "cp313-cp313-manylinux_2_28_x86_64"):
        index.add("fast", tag=tag)
    made(tmp_path, index, "fast")
    assert [p.name for p in sorted((tmp_path / "house").glob("fast*"))] == [
        "fast-1.0-cp312-cp312-manylinux_2_28_x86_64.whl",
        "fast-1.0-cp313-cp313-manylinux_2_28_x86_64.whl",
    ]


def test_markers_are_judged_for_kaggle_and_not_for_this_machine(tmp_path, index):
    index.add("new", requires=())
    made(tmp_path, index, "new; python_version >= '3.13'", "pywin32; sys_platform == 'win32'", "old; python_version < '3.12'")
    assert index.asked == [("new", "3.13")]


def test_extras_that_are_asked_for_bring_their_requirements(tmp_path, index):
    index.add("surf", requires=("h2; extra == 'http2'", "brotli; extra == 'brotli'"))
    index.add("h2")
    assert made(tmp_path, index, "surf[http2]") == ["h2 1.0", "kaggle-utils 0.1", "surf 1.0"]


def test_a_version_the_wheels_do_not_have_is_a_fault(tmp_path, index):
    index.add("filterpy", "2.0.0")
    index.add("norfair", "2.3.0", ("filterpy<2.0.0,>=1.4.5",))
    with pytest.raises(Incomplete, match=r"norfair 2.3.0 requires filterpy<2.0.0,>=1.4.5, the wheels have 2.0.0"):
        made(tmp_path, index, "filterpy", "norfair")
    assert not (tmp_path / "house").exists() and not list(tmp_path.glob(".house*"))


def test_a_version_the_image_does_not_have_is_a_fault(tmp_path, index):
    with pytest.raises(Incomplete, match=r"kaggle-utils 0.1 requires numpy>=2.4, the image has 2.0.2 \(Python 3.12\)"):
        made(tmp_path, index, "numpy>=2.4")


def test_a_release_that_asks_for_more_than_the_image_has_is_passed_over(tmp_path, index):
    index.add("surf", "1.8", ("numpy>=1.20",))
    index.add("surf", "1.9", ("numpy>=2.0", "board>=2"))
    index.add("surf", "2.0", ("numpy>=2.4", "wetsuit"))
    index.add("surf", "2.1", ("numpy>=2.4", "wetsuit"))
    index.add("board", "2.0")
    assert made(tmp_path, index, "surf>=1") == ["board 2.0", "kaggle-utils 0.1", "surf 1.9"]
    assert [asked for asked, _ in index.asked][:3] == ["surf>=1", "surf<2.1,>=1", "surf<2.0,>=1"]


@pytest.mark.parametrize("python", BOTH)
def test_a_wheel_for_both_pythons_asks_for_no_more_than_either_image_has(tmp_path, index, python):
    """Such as opencv: 4 in the image of 3.12, 5 in that of 3.13."""
    limit = {"3.12": "<5", "3.13": ">=5"}[python]
    index.add("surf", "1.0", ("numpy>=1.20",))
    index.add("surf", "2.0", (f"opencv-python{limit}",))
    assert made(tmp_path, index, "surf") == ["kaggle-utils 0.1", "surf 1.0"]


def test_where_no_release_will_do_the_newest_is_judged(tmp_path, index):
    index.add("surf", "2.0", ("numpy>=2.3",))
    index.add("surf", "2.1", ("numpy>=2.4",))
    with pytest.raises(Incomplete, match="surf 2.1 requires numpy>=2.4"):
        made(tmp_path, index, "surf")


def test_a_release_that_is_asked_for_is_the_one_that_is_taken(tmp_path, index):
    for version in ("8.4.190", "8.4.191"):
        index.add("ultralytics", version)
    assert made(tmp_path, index, "ultralytics>=8.4,<9", also=["ultralytics==8.4.190"])[1] == "ultralytics 8.4.190"


def test_an_excused_requirement_is_no_fault(tmp_path, index):
    index.add("norfair", "2.3.0", ("numpy<2.0.0,>=1.23.0", "rich<15.0.0,>=9.10.0"))
    assert "norfair 2.3.0" in made(tmp_path, index, "norfair")


def test_the_excuse_holds_for_that_package_alone(tmp_path, index):
    index.add("other", requires=("numpy<2",))
    with pytest.raises(Incomplete, match="other 1.0 requires numpy<2"):
        made(tmp_path, index, "other")


def test_a_wheel_of_a_package_of_the_image_is_refused(tmp_path):
    found = faults(wheels_of(tmp_path, {"name": "numpy", "version": "2.4.0"}), ["3.13"])
    assert found == ["numpy-2.4.0-py3-none-any.whl would replace numpy 2.1.3 of the image (Python 3.13)"]


def test_a_wheel_for_another_python_is_named(tmp_path):
    makings = {"name": "fast", "tag": "cp312-cp312-manylinux_2_28_x86_64"}
    found = faults(wheels_of(tmp_path, makings), BOTH)
    assert found == ["fast-1.0-cp312-cp312-manylinux_2_28_x86_64.whl does not fit Python 3.13"]


def test_a_wheel_that_declares_another_python_does_not_fit(tmp_path):
    found = faults(wheels_of(tmp_path, {"name": "young", "head": "Requires-Python: >=3.13"}), BOTH)
    assert found == ["young-1.0-py3-none-any.whl does not fit Python 3.12"]


def test_a_local_version_would_be_renamed_by_the_upload(tmp_path):
    found = faults(wheels_of(tmp_path, {"name": "kit", "version": "1.0+gabc"}), ["3.13"])
    assert found == ["kit-1.0+gabc-py3-none-any.whl would be renamed by the upload"]


def test_anything_but_a_wheel_is_refused(tmp_path):
    (tmp_path / "filterpy-1.4.5.zip").write_text("")
    with pytest.raises(ValueError, match="filterpy-1.4.5.zip is not a wheel"):
        read_wheelhouse(tmp_path)


def test_a_broken_wheel_is_named(tmp_path):
    with zipfile.ZipFile(tmp_path / "hollow-1.0-py3-none-any.whl", "w"):
        pass
    with pytest.raises(ValueError, match="hollow-1.0-py3-none-any.whl is not a wheel: it has no METADATA"):
        read_wheelhouse(tmp_path)


def test_the_torch_for_a_p100_comes_with_all_it_requires_and_for_both_pythons(tmp_path, index):
    for tag in ("cp312-cp312-manylinux_2_28_x86_64", "cp313-cp313-manylinux_2_28_x86_64"):
        index.add("torch", "2.7.1", ("nvidia-cublas-cu12==12.6.4.1", "triton==3.3.1", "sympy>=1.13.3"), tag=tag)
        index.add("torch", "2.8.0", tag=tag)
        index.add("torchvision", "0.22.1", ("torch (==2.7.1)", "numpy"), tag=tag)
        index.add("triton", "3.3.1", ("setuptools>=40.8.0",), tag=tag)
    index.add("nvidia-cublas-cu12", "12.6.4.1", tag="py3-none-manylinux2014_x86_64")
    found = made(tmp_path, index, "torch", gpu="p100")
    assert found == (
        ["kaggle-utils 0.1", "nvidia-cublas-cu12 12.6.4.1"]
        + ["torch 2.7.1"] * 2
        + ["torchvision 0.22.1"] * 2
        + ["triton 3.3.1"] * 2
    )


def test_a_packed_cpython_37_is_a_wheel_of_the_folder_like_all(tmp_path, index):
    for requirement in PACKAGES:
        index.add(*requirement.split("=="))
    found = made(tmp_path, index, python37=make_prefix(tmp_path / "prefix"))
    assert found == ["kaggle-utils 0.1", "packed-python37 3.7.99"]


def test_a_card_nobody_prepared_for_is_refused(tmp_path, index):
    with pytest.raises(ValueError, match="gpu is 'k80', expected one of p100, or None"):
        made(tmp_path, index, gpu="k80")


def test_a_failure_leaves_the_folder_of_last_time(tmp_path, index):
    made(tmp_path, index)
    with pytest.raises(NoWheel, match="no wheel of nowhere"):
        made(tmp_path, index, "nowhere")
    assert [w.name for w in read_wheelhouse(tmp_path / "house")] == ["kaggle-utils"]


@pytest.mark.parametrize("name", ["thesis.txt", "torch-2.7.1-py3-none-any.whl"])
def test_a_folder_with_anything_else_in_it_is_refused_and_left_alone(tmp_path, index, name):
    (tmp_path / "house").mkdir()
    (tmp_path / "house" / name).write_text("years of work")
    with pytest.raises(ValueError, match=f"house', is made anew and holds {name}.*: expected an empty one"):
        made(tmp_path, index)
    assert (tmp_path / "house" / name).read_text() == "years of work"


def test_what_comes_into_the_folder_while_wheels_are_built_is_left_alone(tmp_path, index):
    made(tmp_path, index)

    def late(folder: Path) -> Path:
        (tmp_path / "house" / "notes.md").touch()
        return kit()(folder)

    with pytest.raises(ValueError, match="holds notes.md"):
        made(tmp_path, index, kit=late)
    assert sorted(p.suffix for p in (tmp_path / "house").iterdir()) == [".json", ".md", ".whl"]


def test_a_file_in_place_of_the_folder_is_refused(tmp_path, index):
    (tmp_path / "house").write_text("")
    with pytest.raises(ValueError, match="house', expected a folder and not a file"):
        made(tmp_path, index)


def test_two_builds_into_one_folder_do_not_take_each_others_wheels(tmp_path, index):
    def fetch(*given) -> Path:
        build(tmp_path / "house", "me", fetch=index.fetch, kit=kit())  # another, from start to end, in the midst of this
        return index.fetch(*given)

    index.add("norfair")
    wheels = build(tmp_path / "house", "me", fetch=fetch, kit=kit("norfair"))
    assert [wheel.name for wheel in wheels] == ["kaggle-utils", "norfair"]
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_the_metadata_keep_kaggles_limits(tmp_path, index):
    made(tmp_path, index)
    written = json.loads((tmp_path / "house" / "dataset-metadata.json").read_text())
    assert written == describe_dataset("me", BOTH)
    assert written["id"] == "me/kaggle-utils-wheels" and len(written["licenses"]) == 1
    assert 6 <= len(written["title"]) <= 50 and 20 <= len(written["subtitle"]) <= 80


@pytest.mark.parametrize("pythons", [BOTH, ["3.12"], ["3.13"]])
def test_a_folder_says_which_pythons_it_was_made_for(tmp_path, index, pythons):
    made(tmp_path, index, pythons=pythons)
    assert list(described_pythons(tmp_path / "house")) == list(pythons)


@pytest.mark.parametrize("written", [None, "{}"])
def test_a_folder_that_does_not_say_so_is_for_all(tmp_path, written):
    if written:
        (tmp_path / "dataset-metadata.json").write_text(written)
    assert described_pythons(tmp_path) == BOTH
