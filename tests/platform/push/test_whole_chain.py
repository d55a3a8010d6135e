"""A whole chain, one stage after another."""

from __future__ import annotations

from dataclasses import replace

import pytest
from kernel_folders import write_kernel

from kaggle_utils.platform.client.calls import KaggleFailure
from kaggle_utils.platform.push.order import Order
from kaggle_utils.platform.push.push import push, walk

pytest_plugins = ["kaggle_fixtures"]


@pytest.fixture
def order(service, quick_client, pond, tmp_path) -> Order:
    return Order(kernels=pond, runs=tmp_path / "runs", poll_s=0.01)


def test_each_stage_runs_when_the_one_before_has_ended(service, order):
    pushed = push("pond", order, whole=True)
    assert [p.kernel for p in pushed] == ["me/pond-1-eda", "me/pond-2-train", "me/pond-3-submit"]
    told = [name for name in service.names() if name in ("SaveKernel", "GetKernelSessionStatus")]
    assert told.count("SaveKernel") == 3 and "SaveKernel SaveKernel" not in " ".join(told)


def test_overrides_go_where_the_parameter_is_and_only_the_last_stage_is_submitted(service, order):
    service.outputs["me/pond-3-submit"] = {"submission.csv": b"x"}
    push("pond", replace(order, overrides=["fold=0..1", "image_size=1280"], submit=True), whole=True)
    assert "injected" not in service.kernels["me/pond-1-eda"][0]["text"]
    assert "image_size = 1280" in service.kernels["me/pond-2-train-fold1"][0]["text"]
    last = service.kernels["me/pond-3-submit"][0]
    assert last["kernelDataSources"] == ["me/pond-2-train-fold0", "me/pond-2-train-fold1"]
    assert "image_size = 1280" in last["text"]
    assert [s["kernelSlug"] for s in service.submissions] == ["pond-3-submit"]


def test_one_accelerator_for_all_that_declare_one(service, order):
    push("pond", replace(order, accelerator="NvidiaTeslaT4"), whole=True)
    shapes = {ref: versions[0].get("machineShape") for ref, versions in service.kernels.items()}
    assert shapes == {"me/pond-1-eda": None, "me/pond-2-train": "NvidiaTeslaT4", "me/pond-3-submit": None}


def test_a_stage_that_fails_ends_the_walk_and_the_same_goes_on_from_there(service, order):
    service.sessions["me/pond-2-train"] = ["ERROR"]
    with pytest.raises(KaggleFailure, match="pond-2-train version 1 ended with ERROR. --again sends it once more"):
        push("pond", order, whole=True)
    assert "me/pond-3-submit" not in service.kernels
    service.sessions["me/pond-2-train"] = ["COMPLETE"]
    push("pond", order, whole=True)
    assert {ref: len(versions) for ref, versions in service.kernels.items()} == {
        "me/pond-1-eda": 1,
        "me/pond-2-train": 1,
        "me/pond-3-submit": 1,
    }


def test_a_kernel_takes_another_of_its_stage_and_runs_when_that_is_complete(service, order, pond):
    donor = pond / "pond-2-donor"
    donor.mkdir()
    text = (pond / "pond-2-train/kernel-metadata.json").read_text()
    (donor / "kernel-metadata.json").write_text(text.replace("pond-2-train", "pond-2-donor").replace("2 train", "2 donor"))
    write_kernel(pond, "pond-2-train", kernel_sources=["OWNER/pond-1-eda", "OWNER/pond-2-donor"])
    service.script = ["QUEUED", "RUNNING", "COMPLETE"]
    pushed = push("pond", order, whole=True)
    assert [p.kernel for p in pushed] == ["me/pond-1-eda", "me/pond-2-donor", "me/pond-2-train", "me/pond-3-submit"]
    assert service.kernels["me/pond-2-train"][0]["kernelDataSources"] == ["me/pond-1-eda", "me/pond-2-donor"]


def test_a_fault_in_the_last_stage_is_found_before_the_first_is_pushed(service, order, pond):
    write_kernel(pond, "pond-3-submit", kernel_sources=["OWNER/pond-2-trian"])
    with pytest.raises(ValueError, match="'OWNER/pond-2-trian', but there is no such kernel"):
        push("pond", order, whole=True)
    assert service.calls == []


def test_a_parameter_that_no_stage_has_is_named(service, order):
    with pytest.raises(ValueError, match="no stage of pond has a parameter 'folds'"):
        push("pond", replace(order, overrides=["folds=0..1"]), whole=True)
    assert service.calls == []


def test_a_walk_begins_at_a_competition_or_at_a_kernel(pond):
    assert len(walk("pond", pond)) == 3
    assert [found.name for found in walk("pond-2-train", pond)] == ["pond-2-train", "pond-3-submit"]
    with pytest.raises(ValueError, match="no kernels of competition 'pnod'"):
        walk("pnod", pond)
