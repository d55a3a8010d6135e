"""Kernels pushed, looked at and fetched with the real kaggle client against a loopback server."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from kernel_folders import COMPETITION, write_kernel

from kaggle_utils.platform.client.calls import KaggleFailure
from kaggle_utils.platform.push import versions
from kaggle_utils.platform.push.stamping import Stamp, made
from kaggle_utils.platform.push.versions import Version, download, look, why_it_failed

pytest_plugins = ["kaggle_fixtures"]

TRAIN = "me/pond-2-train"


def send(folder: Path, stamp: Stamp, run: bool = True) -> Version:
    kernel = made(folder, stamp)
    return versions.send(kernel, kernel.mark([kernel.kernel], {}, run))


@pytest.fixture
def eda_is_there(service):
    service.kernels["me/pond-1-eda"] = [{}]


def test_an_accepted_push_says_version_and_page(service, pond, eda_is_there):
    send(pond / "pond-2-train", Stamp("me"))
    pushed = send(pond / "pond-2-train", Stamp("me", {"fold": 2}))
    assert (pushed.kernel, pushed.version) == (TRAIN, 2)
    assert pushed.url == "https://www.kaggle.com/code/me/pond-2-train"


def test_kaggle_receives_what_the_folder_says(service, pond, eda_is_there):
    send(pond / "pond-2-train", Stamp("me", {"fold": 2}))
    got = service.kernels[TRAIN][0]
    assert (got["slug"], got["newTitle"], got["machineShape"]) == (TRAIN, "Pond 2 train", "NvidiaTeslaP100")
    assert got["isPrivate"] is True and got.get("enableInternet", False) is False and got["enableGpu"] is True
    assert got["datasetDataSources"] == ["me/kaggle-utils-wheels"]
    assert got["kernelDataSources"] == ["me/pond-1-eda"]
    assert got["competitionDataSources"] == [COMPETITION]
    assert "fold = 2" in json.loads(got["text"])["cells"][1]["source"]


def test_the_folder_works_with_the_plain_client_once_the_owner_is_set(service, pond, eda_is_there):
    path = pond / "pond-2-train/kernel-metadata.json"
    path.write_text(path.read_text().replace("OWNER", "me"))
    notebook = pond.parent / "notebooks/pond/2_train.ipynb"
    content = json.loads(notebook.read_text())
    content["cells"][0] |= {"source": ["fold = 0\n", "image_size = 640"], "outputs": [{"output_type": "stream", "text": "640"}]}
    content["cells"].append({"cell_type": "markdown", "id": "m", "metadata": {}, "source": ["# Title"]})
    notebook.write_text(json.dumps(content))
    command = [sys.executable, "-m", "kaggle", "kernels", "push", "-p", str(path.parent)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "Kernel version 1 successfully pushed" in done.stdout and "not valid" not in done.stdout
    [plain] = service.kernels[TRAIN]
    send(pond / "pond-2-train", Stamp("me"))
    ours = json.loads(service.kernels[TRAIN][1].pop("text"))
    comment = ours["cells"].pop()
    assert comment["source"].startswith("# kaggle-utils ") and json.loads(plain.pop("text")) == ours
    assert service.kernels[TRAIN] == [plain, plain]


def test_every_kind_of_rejected_source_is_reported(service, pond):
    service.datasets.clear()
    service.competitions.clear()
    folder = write_kernel(pond, "pond-2-train", model_sources=["google/m/keras/v/1"])
    with pytest.raises(KaggleFailure) as caught:
        send(folder, Stamp("me"))
    assert caught.value.kind == "sources"
    said = str(caught.value)
    assert "me/pond-2-train version 1 runs without some of its sources" in said
    for part in (
        "datasets me/kaggle-utils-wheels",
        "kernels me/pond-1-eda",
        f"competitions {COMPETITION}",
        "models google/m/keras/v/1",
    ):
        assert part in said


def test_an_error_within_a_good_answer_is_a_failure(service, pond):
    service.push_error = "Maximum batch GPU session count of 2 reached"
    with pytest.raises(KaggleFailure, match="was not pushed: Kaggle says 'Maximum batch GPU session count") as caught:
        send(pond / "pond-2-train", Stamp("me"))
    assert caught.value.kind == "busy"


def test_a_name_clash_says_what_to_do(service, pond):
    service.fail("SaveKernel", 409, "Notebook title is already in use")
    with pytest.raises(KaggleFailure, match="HTTP 409.*already in use; another notebook of yours") as caught:
        send(pond / "pond-2-train", Stamp("me"))
    assert caught.value.status == 409


def test_a_push_cut_in_the_middle_may_have_arrived_and_is_not_repeated(service, pond):
    service.die("SaveKernel")
    with pytest.raises(KaggleFailure, match="me/pond-2-train was not pushed: no answer from Kaggle") as caught:
        send(pond / "pond-2-train", Stamp("me"))
    assert caught.value.uncertain and service.names() == ["SaveKernel"]


def test_a_kernel_kept_under_another_name_is_a_failure(service, pond, eda_is_there, monkeypatch):
    monkeypatch.setattr("kaggle_server._slug", lambda title: "pond-2-train-again")
    with pytest.raises(KaggleFailure, match="keeps me/pond-2-train as me/pond-2-train-again"):
        send(pond / "pond-2-train", Stamp("me"))


def test_a_look_tells_the_latest_version_its_state_and_its_mark(service, pond, eda_is_there, capfd):
    send(pond / "pond-2-train", Stamp("me"))
    sent = send(pond / "pond-2-train", Stamp("me", {"fold": 2}))
    service.sessions[TRAIN] = ["RUNNING"]
    assert look([TRAIN, "me/nothing-there"]) == {TRAIN: replace(sent, state="RUNNING"), "me/nothing-there": None}
    assert service.names()[-6:] == ["GetKernel", "GetKernelSessionStatus", "GetKernel"] * 2
    assert capfd.readouterr() == ("", "")


def test_a_state_counts_only_where_the_version_was_the_same_before_and_after(service, quick_client):
    service.kernels[TRAIN] = [{}]
    answer = service._GetKernelSessionStatus
    service._GetKernelSessionStatus = lambda request: (service.kernels[TRAIN].append({}), answer(request))[1]
    assert look([TRAIN])[TRAIN].version == 0


def test_a_failed_kernel_shows_its_message_and_the_end_of_its_log(service):
    service.kernels[TRAIN] = [{}]
    message = "Your notebook tried to allocate more memory than is available"
    lines = [{"stream_name": "stdout", "time": n, "data": f"step {n}\n"} for n in range(100)]
    service.logs[TRAIN] = json.dumps(lines)
    said = why_it_failed(Version(TRAIN, 3, "ERROR", message)).splitlines()
    assert said[0] == (
        "me/pond-2-train version 3 ended with ERROR: Your notebook tried to allocate more memory than is available. "
        "--again sends it once more. The end of its log:"
    )
    assert said[1:] == [f"step {n}" for n in range(70, 100)]


def test_a_log_that_is_plain_text_is_shown_as_it_is(service):
    service.kernels[TRAIN] = [{}]
    service.logs[TRAIN] = "one\ntwo\nthree"
    assert why_it_failed(Version(TRAIN, 1, "ERROR"), lines=2).endswith("log:\ntwo\nthree")


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_outputs_of_several_pages_come_and_the_log(service, tmp_path):
    service.kernels[TRAIN] = [{}]
    service.outputs[TRAIN] = {f"weights/{n}.pt": bytes([n]) for n in range(25)}
    download(Version(TRAIN, 1), tmp_path / "2_train")
    assert len(files(tmp_path / "2_train")) == 26  # 25 and the log
    assert (tmp_path / "2_train/weights/24.pt").read_bytes() == b"\x18"


def test_only_files_asked_for_are_fetched(service, tmp_path):
    service.kernels[TRAIN] = [{}]
    service.outputs[TRAIN] = {"run.json": b"{}", "weights.pt": b"w"}
    download(Version(TRAIN, 1), tmp_path / "out", r"\.json$")
    assert files(tmp_path / "out") == ["pond-2-train.log", "run.json"]


@pytest.fixture
def at_once(quick_client, monkeypatch) -> None:
    monkeypatch.setattr(versions, "_AGAIN_S", (0.0, 0.0, 0.0))


def test_a_download_that_goes_on_failing_names_the_file(service, at_once, tmp_path):
    service.kernels[TRAIN] = [{}]
    service.outputs[TRAIN] = {"a.pt": b"a", "b.pt": b"b"}
    service.fail("GET", 500, "storage is down", times=4)
    with pytest.raises(KaggleFailure, match="HTTP 500.*the file a.pt is not given"):
        download(Version(TRAIN, 1), tmp_path / "out")


def test_a_download_that_fails_for_a_moment_is_tried_again(service, at_once, tmp_path):
    service.kernels[TRAIN] = [{}]
    service.outputs[TRAIN] = {"a.pt": b"a", "b.pt": b"b"}
    service.die("GET")
    service.fail("GET", 503)
    service.fail("ListKernelSessionOutput", 502)
    download(Version(TRAIN, 1), tmp_path / "out")
    assert files(tmp_path / "out") == ["a.pt", "b.pt", "pond-2-train.log"]


def test_a_file_that_is_refused_is_not_asked_for_again_and_its_signed_address_not_shown(service, at_once, tmp_path):
    service.kernels[TRAIN] = [{}]
    service.outputs[TRAIN] = {"a.pt": b"a"}
    service.signature = "?X-Goog-Signature=s3cret"
    service.fail("GET", 403)
    with pytest.raises(KaggleFailure, match="HTTP 403.*a.pt") as caught:
        download(Version(TRAIN, 1), tmp_path / "out")
    assert "s3cret" not in str(caught.value) and "127.0.0.1" not in str(caught.value)
    assert service.names().count("GET") == 1
    download(Version(TRAIN, 1), tmp_path / "out")
    assert files(tmp_path / "out") == ["a.pt", "pond-2-train.log"]
