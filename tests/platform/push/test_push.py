"""Stages pushed one by one: Kaggle is asked what it has, fan-outs, what the next stage takes, submission."""

from __future__ import annotations

import json
import signal
from dataclasses import replace

import pytest
from kaggle_http import Page, Refusal, Silence
from kernel_folders import COMPETITION, write_kernel

from kaggle_utils.platform.client import once
from kaggle_utils.platform.client.calls import KaggleFailure
from kaggle_utils.platform.push import sending
from kaggle_utils.platform.push.order import Order
from kaggle_utils.platform.push.push import push
from kaggle_utils.platform.push.versions import look

pytest_plugins = ["kaggle_fixtures"]

TRAIN = "me/pond-2-train"
FOLDS = ["me/pond-2-train-fold0", "me/pond-2-train-fold1"]


def versions(service) -> dict[str, int]:
    """Of each kernel."""
    return {kernel: len(sent) for kernel, sent in service.kernels.items() if kernel != "me/pond-1-eda"}


def test_a_push_does_not_wait_unless_asked(service, order, news):
    [pushed] = push("pond-2-train", order)
    assert pushed.kernel == TRAIN and service.names()[-1] == "SaveKernel" and service.names().count("SaveKernel") == 1
    assert "the session runs on NvidiaTeslaT4: two T4s" in news[1]
    assert news[2] == "me/pond-2-train version 1 pushed: https://www.kaggle.com/code/me/pond-2-train"


def test_what_is_wrong_at_home_stops_before_anything_is_asked(service, order, pond):
    write_kernel(pond, "pond-2-train", enable_internet=None)
    with pytest.raises(ValueError, match="pond-2-train/kernel-metadata.json: enable_internet is missing"):
        push("pond-2-train", order)
    with pytest.raises(ValueError, match="pond-2-train/kernel-metadata.json"):
        push("pond", order, whole=True)
    assert service.calls == []


def test_the_accelerator_of_the_order_replaces_the_declared_one(service, order, news):
    push("pond-2-train", replace(order, accelerator="NvidiaL4"))
    assert service.kernels[TRAIN][0]["machineShape"] == "NvidiaL4"
    assert "P100" not in " ".join(news)


# what Kaggle has is not sent again


@pytest.mark.parametrize("state", ["QUEUED", "RUNNING", "COMPLETE"])
def test_the_same_push_again_sends_nothing(service, order, news, state):
    service.sessions[TRAIN] = [state]
    push("pond-2-train", order)
    [there] = push("pond-2-train", order)
    assert (there.version, versions(service)) == (1, {TRAIN: 1})
    assert news[-1] == f"me/pond-2-train version 1 is this already, {state}: https://www.kaggle.com/code/me/pond-2-train"


def test_again_sends_in_spite_of_all(service, order):
    push("pond-2-train", order)
    [pushed] = push("pond-2-train", replace(order, again=True))
    assert pushed.version == 2 and versions(service) == {TRAIN: 2}


def test_the_same_push_from_another_machine_sends_nothing_and_fetches_the_outputs(service, order, tmp_path):
    push("pond-2-train", order)
    service.outputs[TRAIN] = {"best.pth": b"w"}
    push("pond-2-train", replace(order, runs=tmp_path / "elsewhere", wait=True))
    assert versions(service) == {TRAIN: 1}
    assert (tmp_path / "elsewhere/kaggle/pond/2_train/best.pth").read_bytes() == b"w"


def change_the_notebook(service, pond, order) -> Order:
    notebook = pond.parent / "notebooks/pond/2_train.ipynb"
    notebook.write_text(notebook.read_text().replace("image_size = 640", "image_size = 512"))
    return order


def edit_on_the_web(service, pond, order) -> Order:
    service.kernels[TRAIN].append(service.kernels[TRAIN][0] | {"text": service.kernels[TRAIN][0]["text"].replace("640", "641")})
    return order


def push_new_wheels(service, pond, order) -> Order:
    service.datasets["me/kaggle-utils-wheels"].append({})
    return order


def run_the_stage_before_again(service, pond, order) -> Order:
    service.kernels["me/pond-1-eda"].append({})
    return order


def change_the_metadata(service, pond, order) -> Order:
    write_kernel(pond, "pond-2-train", keywords=["gpu"])
    return order


CHANGES = [
    change_the_notebook,
    edit_on_the_web,
    push_new_wheels,
    run_the_stage_before_again,
    change_the_metadata,
    lambda service, pond, order: replace(order, overrides=["image_size=1280"]),
    lambda service, pond, order: replace(order, accelerator="NvidiaL4"),
]


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_the_result_depends_on_makes_it_another_push(service, order, pond, change):
    push("pond-2-train", order)
    order, before = change(service, pond, order), len(service.kernels[TRAIN])
    for _ in range(2):
        [pushed] = push("pond-2-train", order)
    assert pushed.version == len(service.kernels[TRAIN]) == before + 1


def test_the_notebook_that_is_sent_says_what_it_is_and_read(service, order):
    push("pond-2-train", order)
    comment = json.loads(service.kernels[TRAIN][0]["text"])["cells"][-1]["source"]
    assert comment.startswith("# kaggle-utils {") and "\n" not in comment
    said = json.loads(comment.removeprefix("# kaggle-utils "))
    assert said["reads"] == {"me/pond-1-eda": 1, "me/kaggle-utils-wheels": 1, COMPETITION: None} and len(said["digest"]) == 12


def test_what_has_failed_is_told_and_not_sent_again_unless_asked(service, order):
    service.sessions[TRAIN] = ["ERROR"]
    service.logs[TRAIN] = "out of memory"
    push("pond-2-train", order)
    with pytest.raises(KaggleFailure, match=r"version 1 ended with ERROR. --again sends it once more. .*\nout of memory"):
        push("pond-2-train", order)
    push("pond-2-train", replace(order, again=True))
    assert versions(service) == {TRAIN: 2}


STOPPED = json.dumps({"jobs": [{"member": "unet", "fold": 0, "stopped": "the deadline: 9 s to use"}]}).encode()
DONE = json.dumps({"jobs": [{"member": "unet", "fold": 0, "stopped": "all 20 epochs"}]}).encode()


@pytest.mark.parametrize(
    ("run", "log"),
    [(STOPPED, ""), (DONE, "UserWarning: no time was left to train unet fold 1: push the missing folds")],
)
def test_what_its_sessions_end_stopped_goes_on_from_its_own_outputs(service, order, news, run, log):
    service.outputs[TRAIN] = {"run.json": run}
    service.logs[TRAIN] = log
    with pytest.raises(KaggleFailure, match="version 1 has ended before its work was done: .*unet fold.*the same command"):
        push("pond-2-train", replace(order, wait=True))
    service.script = ["RUNNING", "RUNNING", "COMPLETE"]
    push("pond-2-train", order)
    assert versions(service) == {TRAIN: 2}
    assert service.kernels[TRAIN][1]["kernelDataSources"] == ["me/pond-1-eda", TRAIN]
    push("pond-2-train", order)  # runs
    service.outputs[TRAIN], service.logs[TRAIN] = {"run.json": DONE}, ""
    push("pond-2-train", replace(order, wait=True))
    assert versions(service) == {TRAIN: 2}


def test_what_is_only_saved_is_run_later(service, order, news, pond):
    push("pond-2-train", replace(order, run=False))
    assert service.kernels[TRAIN][0]["kernelExecutionType"] == "QUICK_SAVE" and "version 1 saved" in news[-1]
    push("pond-2-train", replace(order, run=False))
    assert versions(service) == {TRAIN: 1}
    with pytest.raises(KaggleFailure, match="pond-2-train version 1 is NEW_SCRIPT: run it"):
        push("pond-3-submit", replace(order, wait=True))
    push("pond-2-train", order)
    assert "kernelExecutionType" not in service.kernels[TRAIN][1]
    push("pond-2-train", replace(change_the_notebook(service, pond, order), run=False))
    with pytest.raises(KaggleFailure, match="version 3 is NEW_SCRIPT"):  # the state that Kaggle tells is version 2's
        push("pond-3-submit", order)


def test_what_is_only_saved_cannot_be_waited_for(order):
    with pytest.raises(ValueError, match="--no-run only saves"):
        replace(order, run=False, submit=True)


# what Kaggle tells late, or not at all


def test_a_fan_out_that_its_sessions_ends_stopped_goes_on_as_one(service, order):
    folds = [f"{TRAIN}-fold{k}" for k in range(5)]
    service.outputs.update({fold: {"run.json": STOPPED} for fold in folds})
    order = replace(order, overrides=["fold=0..4"], wait=True)
    with pytest.raises(KaggleFailure, match="fold4 version 1 has ended before its work was done"):
        push("pond-2-train", order)
    answer = service._SaveKernel
    service._SaveKernel = lambda request: service.outputs[request["slug"]].update({"run.json": DONE}) or answer(request)
    assert [version.version for version in push("pond-2-train", order)] == [2] * 5


def test_a_state_that_may_be_the_version_befores_is_not_believed(service, order, pond, monkeypatch):
    push("pond-2-train", order)
    [second] = push("pond-2-train", change_the_notebook(service, pond, order))
    assert look([TRAIN])[TRAIN].complete  # the first could not be another's
    monkeypatch.setattr(once, "SHOWN_S", 1e9)
    shown = look([TRAIN])[TRAIN]
    assert (shown.version, shown.state, second.version) == (2, "QUEUED", 2)


@pytest.mark.parametrize("kind", ["competitions", "datasets", "kernels"])
def test_a_push_that_lost_a_source_is_not_good_the_second_time(service, order, kind):
    answer = service._SaveKernel

    def without(request: dict) -> dict:
        there = getattr(service, kind)
        setattr(service, kind, type(there)())
        told = answer(request)
        setattr(service, kind, there | service.kernels if kind == "kernels" else there)
        return told

    service._SaveKernel = without
    for _ in range(2):
        with pytest.raises(KaggleFailure, match="runs without some of its sources.*--again") as caught:
            push("pond-2-train", order)
        assert caught.value.kind == "sources"
    assert versions(service) == {TRAIN: 1}
    service._SaveKernel = answer
    push("pond-2-train", replace(order, again=True))
    push("pond-2-train", order)
    assert versions(service) == {TRAIN: 2}


@pytest.mark.parametrize("missing", ["GetKernel", "GetKernelSessionStatus", "GetDataset"])
@pytest.mark.parametrize("status", [403, 404])
@pytest.mark.parametrize("page", [True, False])
def test_a_denial_that_passes_sends_nothing(service, order, missing, status, page):
    """Whether a proxy says it or Kaggle itself, of a kernel, its session or a dataset that it reads."""
    for _ in range(2):
        push("pond-2-train", order)
    answer, told = getattr(service, f"_{missing}"), []

    def denied(request: dict) -> dict:
        told.append(request)
        if len(told) < 4 and request.get("kernelSlug") != "pond-1-eda":
            raise Page(status, "denied", "text/plain") if page else Refusal(status, "denied")
        return answer(request)

    setattr(service, f"_{missing}", denied)
    try:
        push("pond-2-train", replace(order, wait=True))
    except KaggleFailure as failure:
        assert "me/kaggle-utils-wheels" in str(failure)
    setattr(service, f"_{missing}", answer)
    push("pond-2-train", order)
    assert versions(service) == {TRAIN: 1}


def test_what_is_read_is_looked_at_anew_before_each_kernel_of_a_fan_out(service, order):
    answer = service._SaveKernel

    def new_wheels(request: dict) -> dict:
        service.datasets["me/kaggle-utils-wheels"].append({})
        return answer(request)

    service._SaveKernel = new_wheels
    with pytest.raises(KaggleFailure, match="me/kaggle-utils-wheels was version 1.*is version 2.*not sent yet: .*fold1"):
        push("pond-2-train", replace(order, overrides=["fold=0..1"], wait=True))
    assert versions(service) == {FOLDS[0]: 1}


def test_what_was_run_is_not_run_again_for_having_been_asked_to_be_saved(service, order):
    for run in (True, False, True):
        push("pond-2-train", replace(order, run=run))
    assert versions(service) == {TRAIN: 1}


def test_a_kernel_that_has_no_version_yet_gets_its_first(service, order, monkeypatch):
    answer = service._GetKernel

    def draft(request: dict) -> dict:
        if request["kernelSlug"] == "pond-2-train" and TRAIN not in service.kernels:
            return {"metadata": {"ref": TRAIN}, "blob": {"slug": "pond-2-train"}}
        return answer(request)

    monkeypatch.setattr(service, "_GetKernel", draft)
    [pushed] = push("pond-2-train", replace(order, wait=True))
    assert pushed.version == 1


def test_the_owners_name_is_one_however_it_is_written(service, order):
    push("pond-2-train", replace(order, owner="Me", overrides=["fold=0..1"]))
    push("pond-2-train", replace(order, owner="ME", overrides=["fold=0..1"]))
    push("pond-3-submit", replace(order, owner="Me"))
    assert versions(service) == dict.fromkeys([*FOLDS, "me/pond-3-submit"], 1)


def test_two_folders_of_runs_share_what_was_sent_from_here(service, order, tmp_path):
    answer = service._SaveKernel

    def cut(request: dict) -> dict:
        service._SaveKernel, service.late = answer, 3
        answer(request)
        signal.raise_signal(signal.SIGINT)
        raise Silence

    service._SaveKernel = cut
    with pytest.raises(KaggleFailure, match="no answer"):
        push("pond-2-train", replace(order, runs=tmp_path / "one"))
    push("pond-2-train", replace(order, runs=tmp_path / "two"))
    assert versions(service) == {TRAIN: 1}


# fan-outs


def test_a_range_of_folds_becomes_a_kernel_each_and_the_next_stage_takes_them_all(service, order, news):
    pushed = push("pond-2-train", replace(order, overrides=["fold=0..1", "image_size=1280"]))
    assert [p.kernel for p in pushed] == FOLDS
    for fold, kernel in enumerate(FOLDS):
        injected = json.loads(service.kernels[kernel][0]["text"])["cells"][1]["source"]
        assert f"fold = {fold}\nimage_size = 1280\n" in injected
    push("pond-3-submit", order)
    assert service.kernels["me/pond-3-submit"][0]["kernelDataSources"] == FOLDS
    assert "pond-3-submit takes me/pond-2-train-fold0, me/pond-2-train-fold1" in news


def test_any_parameters_fan_out_a_kernel_for_each_combination(service, order):
    pushed = push("pond-2-train", replace(order, overrides=["image_size=512,(640,704)", "fold=0..1"]))
    ends = ["imagesize512-fold0", "imagesize512-fold1", "imagesize640704-fold0", "imagesize640704-fold1"]
    assert [p.kernel for p in pushed] == [f"me/pond-2-train-by-{end}" for end in ends]
    assert (
        "image_size = (640, 704)\nfold = 1\n" in json.loads(service.kernels[pushed[3].kernel][0]["text"])["cells"][1]["source"]
    )
    push("pond-3-submit", order)
    assert service.kernels["me/pond-3-submit"][0]["kernelDataSources"] == [p.kernel for p in pushed]


def test_kernels_of_a_fan_out_have_names_of_their_own(service, order):
    with pytest.raises(ValueError, match="would have one name, me/pond-2-train-by-imagesize10"):
        push("pond-2-train", replace(order, overrides=["image_size=10,1.0"]))
    assert service.calls == []


def test_pushing_the_whole_stage_ends_the_fan_out_and_the_fan_out_ends_that(service, order):
    for overrides, taken in (["fold=0..1"], FOLDS), ([], [TRAIN]), (["fold=0..1", "image_size=512"], FOLDS):
        push("pond-2-train", replace(order, overrides=overrides))
        push("pond-3-submit", order)
        assert service.kernels["me/pond-3-submit"][-1]["kernelDataSources"] == taken


def test_a_repaired_fold_and_one_that_is_added_belong_to_the_others(service, order):
    push("pond-2-train", replace(order, overrides=["fold=0..1"]))
    push("pond-2-train", replace(order, overrides=["fold=1..1"], again=True))
    push("pond-2-train", replace(order, overrides=["fold=2..2"]))
    push("pond-3-submit", order)
    assert service.kernels["me/pond-3-submit"][-1]["kernelDataSources"] == [*FOLDS, "me/pond-2-train-fold2"]


def test_kernels_that_the_list_does_not_show_yet_are_known_from_their_siblings(service, order, monkeypatch):
    push("pond-2-train", replace(order, overrides=["fold=0..1"]))
    monkeypatch.setattr(service, "_ListKernels", lambda request: {"kernels": [{"ref": FOLDS[1]}, {"ref": "me/pond-1-eda"}]})
    push("pond-3-submit", order)
    assert service.kernels["me/pond-3-submit"][-1]["kernelDataSources"] == FOLDS


def test_kernels_that_were_sent_from_here_are_known_though_the_list_shows_none(service, order, monkeypatch):
    push("pond-2-train", order)
    push("pond-2-train", replace(order, overrides=["fold=0..1"]))
    monkeypatch.setattr(service, "_ListKernels", lambda request: {"kernels": [{"ref": TRAIN}, {"ref": "me/pond-1-eda"}]})
    push("pond-3-submit", order)
    assert service.kernels["me/pond-3-submit"][-1]["kernelDataSources"] == FOLDS


@pytest.mark.parametrize("change", [change_the_notebook, push_new_wheels, change_the_metadata])
def test_folds_of_other_code_or_inputs_are_not_mixed(service, order, pond, change, news):
    push("pond-2-train", replace(order, overrides=["fold=0..1"], wait=True))
    order = change(service, pond, order)
    push("pond-2-train", replace(order, overrides=["fold=1..1"], wait=True))
    push("pond-3-submit", order)
    assert service.kernels["me/pond-3-submit"][-1]["kernelDataSources"] == [FOLDS[1]]
    assert "me/pond-2-train-fold0 version 1 is of other code or inputs, so it is left out; --again takes it" in news
    assert not (order.runs / "kaggle/pond/2_train-fold0").exists()
    push("pond-3-submit", replace(order, again=True))
    assert service.kernels["me/pond-3-submit"][-1]["kernelDataSources"] == FOLDS


def test_a_training_that_its_sessions_end_stopped_is_not_taken_unless_asked(service, order):
    service.outputs[TRAIN] = {"run.json": STOPPED}
    push("pond-2-train", order)
    with pytest.raises(KaggleFailure, match="me/pond-2-train version 1 has ended before its work was done: unet fold 0"):
        push("pond-3-submit", order)
    push("pond-3-submit", replace(order, again=True))
    assert service.kernels["me/pond-3-submit"][0]["kernelDataSources"] == [TRAIN]


@pytest.mark.parametrize("there", [[TRAIN], FOLDS, [TRAIN, *FOLDS]])
def test_kernels_without_a_mark_are_taken_the_whole_one_before_its_folds(service, order, there):
    service.kernels |= {kernel: [{}] for kernel in there}
    push("pond-3-submit", order)
    assert service.kernels["me/pond-3-submit"][0]["kernelDataSources"] == ([TRAIN] if TRAIN in there else FOLDS)


def test_a_stage_is_not_sent_while_kernels_that_it_takes_run(service, order):
    service.sessions[FOLDS[1]] = ["RUNNING", "RUNNING", "COMPLETE"]
    push("pond-2-train", replace(order, overrides=["fold=0..1"]))
    with pytest.raises(KaggleFailure, match="pond-2-train-fold1 version 1 is RUNNING: .*--wait waits for that"):
        push("pond-3-submit", order)
    push("pond-3-submit", replace(order, wait=True))
    assert service.kernels["me/pond-3-submit"][0]["kernelDataSources"] == FOLDS


def test_a_stage_takes_what_has_come_and_says_what_has_not(service, order, news):
    service.sessions[FOLDS[0]] = ["ERROR"]
    push("pond-2-train", replace(order, overrides=["fold=0..1"]))
    push("pond-3-submit", order)
    assert service.kernels["me/pond-3-submit"][0]["kernelDataSources"] == FOLDS[1:]
    assert "me/pond-2-train-fold0 version 1 ended with ERROR, so it is left out" in news


def test_a_stage_whose_source_is_not_on_kaggle_is_not_sent(service, order):
    with pytest.raises(KaggleFailure, match="me/pond-2-train is not on Kaggle yet: `kaggle-utils push pond-2-train` first"):
        push("pond-3-submit", order)
    assert "SaveKernel" not in service.names()


def test_folds_are_numbered_from_0(service, order):
    with pytest.raises(ValueError, match="fold -1 cannot stand in a kernel's name: folds are numbered from 0"):
        push("pond-2-train", replace(order, overrides=["fold=-1..1"]))
    assert service.calls == []


def test_a_mistyped_parameter_stops_before_anything_is_sent(service, order):
    with pytest.raises(ValueError, match=r"'imagesize' \(= 1280\)"):
        push("pond-2-train", replace(order, overrides=["imagesize=1280"]))
    assert service.calls == []


def stop(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_a_wait_that_is_stopped_says_how_to_go_on(service, order, news, monkeypatch):
    service.sessions[TRAIN] = ["RUNNING"]
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(sending.time, "sleep", stop)
        push("pond-2-train", replace(order, wait=True))
    assert news[-1] == "stopped; what was sent runs on, and the same command goes on here"
    service.sessions[TRAIN] = ["COMPLETE"]
    push("pond-2-train", replace(order, wait=True))
    assert versions(service) == {TRAIN: 1}


# submissions


@pytest.fixture
def ready(service, order) -> Order:
    push("pond-2-train", order)
    service.outputs["me/pond-3-submit"] = {"submission.csv": b"index,annotations\n"}
    return replace(order, submit=True)


def test_the_finished_version_is_submitted_and_the_rest_of_the_day_shown(service, ready, news):
    service.sessions["me/pond-3-submit"] = ["RUNNING", "COMPLETE"]
    [pushed] = push("pond-3-submit", replace(ready, message="five folds"))
    assert service.submissions == [
        {
            "competitionName": COMPETITION,
            "kernelOwner": "me",
            "kernelSlug": "pond-3-submit",
            "kernelVersion": 1,
            "fileName": "submission.csv",
            "submissionDescription": f"[{pushed.mark.digest}.1] five folds",
        }
    ]
    assert news[-2:] == [f"Successfully submitted to {COMPETITION}", "submissions left today: 4"]


def test_what_is_submitted_already_is_found_however_long_the_list_and_not_submitted_again(service, ready, news):
    push("pond-3-submit", ready)
    service.submissions += [{"competitionName": COMPETITION, "submissionDescription": f"{n}"} for n in range(50)]
    push("pond-3-submit", replace(ready, message="another text"))
    assert len(service.submissions) == 51
    assert news[-2] == "me/pond-3-submit version 1 is submitted already: 2026-11-21T20:00:00Z, PENDING"
    push("pond-3-submit", replace(ready, again=True))
    assert len(service.submissions) == 52 and service.submissions[-1]["kernelVersion"] == 2


def test_a_submission_again_that_was_lost_is_made_by_the_same_command_without_it(service, ready):
    push("pond-3-submit", ready)
    service.fail("CreateCodeSubmission", 400)
    with pytest.raises(KaggleFailure, match="was not submitted"):
        push("pond-3-submit", replace(ready, again=True))
    for _ in range(2):
        push("pond-3-submit", ready)
    assert [sent["kernelVersion"] for sent in service.submissions] == [1, 2]


@pytest.mark.parametrize("arrives", [True, False])
@pytest.mark.parametrize("status", [502, 0])
def test_a_submission_without_an_answer_is_counted_once(service, ready, arrives, status):
    answer = service._CreateCodeSubmission

    def cut(request: dict) -> dict:
        service._CreateCodeSubmission = answer
        told = answer(request) if arrives else {}
        service.fail("GetKernel", 500)  # and more trouble later
        service.fail("cut", status) if status else service.die("cut")
        service.stumble("cut")
        return told

    service._CreateCodeSubmission = cut
    push("pond-3-submit", ready)
    assert len(service.submissions) == 1


def test_a_submission_that_is_stopped_is_not_made_again(service, ready):
    answer = service._CreateCodeSubmission
    service._CreateCodeSubmission = lambda request: (signal.raise_signal(signal.SIGINT), answer(request))[1]
    with pytest.raises(KeyboardInterrupt):
        push("pond-3-submit", ready)
    service._CreateCodeSubmission = answer
    push("pond-3-submit", ready)
    assert len(service.submissions) == 1


def test_a_submission_that_was_counted_is_no_failure_when_the_rest_of_the_day_is_not_told(service, ready, news):
    service.fail("GetSubmissionLimits", 500)
    push("pond-3-submit", ready)
    assert len(service.submissions) == 1
    assert news[-1].startswith("it is submitted; how many submissions are left today was not told: ")


def test_a_kernel_that_failed_is_not_submitted(service, ready):
    service.sessions["me/pond-3-submit"] = ["ERROR"]
    with pytest.raises(KaggleFailure, match="pond-3-submit version 1 ended with ERROR"):
        push("pond-3-submit", ready)
    assert service.submissions == []


def test_a_kernel_without_a_submission_file_is_not_submitted(service, ready):
    service.outputs["me/pond-3-submit"] = {"sub.csv": b""}
    with pytest.raises(KaggleFailure, match="wrote no submission.csv, so nothing was submitted; it wrote .*sub.csv"):
        push("pond-3-submit", ready)
    assert service.submissions == []


def test_a_day_without_submissions_left_is_named_and_the_same_command_submits_tomorrow(service, ready):
    service.allowed_today = 0
    with pytest.raises(KaggleFailure, match="version 1 was not submitted to .*used its submissions for today.*same command"):
        push("pond-3-submit", ready)
    service.allowed_today = 5
    push("pond-3-submit", ready)
    assert len(service.kernels["me/pond-3-submit"]) == 1
    assert service.allowed_today == 4


def test_a_fan_out_cannot_be_submitted(service, ready):
    with pytest.raises(ValueError, match="pond-2-train is 2 kernels, only one can be submitted"):
        push("pond-2-train", replace(ready, overrides=["fold=0..1"]))
    assert "me/pond-2-train-fold0" not in service.kernels
