"""The temporary copy that is pushed."""

from __future__ import annotations

import json

import pytest
from kernel_folders import write_kernel

from kaggle_utils.platform.parameters import inject
from kaggle_utils.platform.push.stamping import Stamp, made

pytest_plugins = ["kaggle_fixtures"]


def content(folder, stamp: Stamp) -> tuple[dict, dict]:
    new = made(folder, stamp)
    return new.content, json.loads(new.code)


def test_the_owner_takes_the_placeholders_place_everywhere(pond):
    found, _ = content(pond / "pond-2-train", Stamp("me"))
    assert found["id"] == "me/pond-2-train"
    assert found["dataset_sources"] == ["me/kaggle-utils-wheels"]
    assert found["kernel_sources"] == ["me/pond-1-eda"]


def test_parameters_go_into_a_cell_of_their_own(pond):
    _, notebook = content(pond / "pond-2-train", Stamp("me", {"fold": 3}))
    assert [cell["metadata"]["tags"] for cell in notebook["cells"]] == [["parameters"], ["injected-parameters"]]
    assert "fold = 3" in notebook["cells"][1]["source"]


def test_overrides_that_the_notebook_brings_along_are_not_pushed(pond):
    notebook = pond.parent / "notebooks/pond/2_train.ipynb"
    notebook.write_text(json.dumps(inject(json.loads(notebook.read_text()), {"fold": 4})))
    _, pushed = content(pond / "pond-2-train", Stamp("me"))
    assert [cell["metadata"]["tags"] for cell in pushed["cells"]] == [["parameters"]]


def test_one_fold_gets_its_own_slug_and_a_title_that_makes_it(pond):
    found, _ = content(pond / "pond-2-train", Stamp("me", {"fold": 3}, ["fold"]))
    assert (found["id"], found["title"]) == ("me/pond-2-train-fold3", "Pond 2 train fold3")


def test_a_stage_takes_every_kernel_of_a_fan_out(pond):
    folds = ["me/pond-2-train-fold0", "me/pond-2-train-fold1"]
    new = made(pond / "pond-3-submit", Stamp("me")).taking({"me/pond-2-train": folds})
    assert new.content["kernel_sources"] == folds
    assert new.going_on().content["kernel_sources"] == [*folds, "me/pond-3-submit"]


def test_another_accelerator_sets_shape_and_switches(pond):
    found, _ = content(pond / "pond-2-train", Stamp("me", accelerator="TpuV5E8"))
    assert (found["machine_shape"], found["enable_gpu"], found["enable_tpu"]) == ("TpuV5E8", False, True)
    found, _ = content(pond / "pond-2-train", Stamp("me", accelerator="none"))
    assert "machine_shape" not in found and found["enable_gpu"] is False


@pytest.mark.parametrize(
    ("stamp", "said"),
    [
        (Stamp("me", accelerator="P100"), "accelerator 'P100' is unknown, expected one of NvidiaTeslaP100"),
        (Stamp("me", {"folds": 3}), "'folds'"),
        (Stamp("me", {"fold": 10**40}, ["fold"]), "expected 5 to 50"),
        (Stamp("me", {"fold": -1}, ["fold"]), "fold -1 cannot stand in a kernel's name: folds are numbered from 0"),
        (Stamp("me", {"image_size": "a b"}, ["image_size"]), "image_size a b cannot stand in a kernel's name"),
        (Stamp("m e"), "expected owner/slug"),
    ],
)
def test_what_cannot_be_stamped_is_named(pond, stamp, said):
    with pytest.raises(ValueError, match=said):
        content(pond / "pond-2-train", stamp)


def test_a_script_takes_no_parameters(pond):
    (pond / "pond-2-train/train.py").write_text("fold = 0\n")
    folder = write_kernel(pond, "pond-2-train", code_file="train.py", kernel_type="script")
    with pytest.raises(ValueError, match="train.py is no notebook"):
        content(folder, Stamp("me", {"fold": 1}))
