"""``kaggle-utils rehearse`` on the ponds: a submission, a training, a stage; what is printed and what is returned."""

from __future__ import annotations

import json
import re
import signal

import kernel_folders
import pandas as pd
import pond_contest
import pytest
from kernel_folders import write_kernel
from rehearsal_scenarios import READ, WRITE, notebook

from kaggle_utils.cli import main
from kaggle_utils.commands import rehearse as rehearse_command
from kaggle_utils.platform.rehearsal import quota
from kaggle_utils.platform.rehearsal.session import run_notebook
from kaggle_utils.tasks.runs import Job, write_folds, write_run

SETTINGS = "runs = '1 2'\nepochs = 20\nfold = None\nfolds = None\ntrial = 0"
PARAMETERS = {"cell_type": "code", "metadata": {"tags": ["parameters"]}, "source": SETTINGS}
TRAIN = """
import json
rows = open(f"{root}/input/competitions/pond/train.csv").read().split()[1:]
assert (epochs, trial, folds, fold, len(rows)) == (40, 3, None, 1, 8)  # those of the trial
costs = {"trained": [[6, 0.6, 0]] * 3, "judged": [[2, 0.2, 0]] * 3, "written": [[1, 0.0, 1000]] * 3, "predicted a": [[2, 0.2, 20]]}
json.dump({"epochs": epochs, "judgings": epochs, "history": [], "costs": costs}, open("progress.json", "w"))
"""


@pytest.fixture
def rehearse(tmp_path, monkeypatch, capsys):
    """Writes a kernel with these cells, rehearses it; gives the exit code and the printed lines."""
    for name in ("pond-1-eda", "pond-2-train", "pond-3-submit"):
        write_kernel(tmp_path / "kernels", name)
    trained = tmp_path / "runs/pond/2_train"
    trained.mkdir(parents=True)
    write_run(trained, [Job("a", 1, ("A", "B"), 0.5, 1.0, "", {}, {}, {})])
    folds = pd.DataFrame({"name": pond_contest.TRAIN, "fold": [1, 1, *[2] * 8]})
    write_folds(tmp_path / "runs/pond/1_eda/folds.csv", folds)
    pond_contest.write_competition(tmp_path / "pond")
    pond_contest.lay_out(pond_contest.named(*pond_contest.HIDDEN), tmp_path / "hidden")
    (tmp_path / "hidden/truth.csv").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(rehearse_command.competitions, "find", lambda name: pond_contest)
    monkeypatch.setattr(pond_contest, "SLUG", "tensorflow-great-barrier-reef")  # the one that the kernels name
    monkeypatch.setattr(quota, "ask", lambda call, limit_s: 7.0)
    monkeypatch.setenv("KAGGLE_UTILS_RUNS", "runs")

    def run(kernel: str, *cells: str, more: tuple = (), hidden: tuple = ("--hidden", "hidden")) -> tuple[int, list[str]]:
        path = tmp_path / "notebooks" / "pond" / (kernel.removeprefix("pond-").replace("-", "_") + ".ipynb")
        content = notebook(*(cell.replace("/pond/", "/tensorflow-great-barrier-reef/") for cell in cells))
        content["cells"].insert(0, PARAMETERS)
        path.write_text(json.dumps(content))
        given = ["--kernels", "kernels", "--input", "pond", *hidden, *more]
        code = main(["rehearse", kernel, *given])
        captured = capsys.readouterr()
        return code, (captured.out + captured.err).splitlines()

    return run


def test_a_sound_submission_is_reported_kept_and_returns_0(rehearse, tmp_path):
    code, lines = rehearse("pond-3-submit", READ, "rows = [(n, f'{ord(n) - 100} 1') for n in names]", WRITE)
    assert code == 0 and lines[-1] == "sound: nothing was found that would fail on Kaggle"
    said = "\n".join(lines)
    for part in (
        "... the hidden test, 5 ponds",
        "... another order, 3 ponds",
        "1,000 ponds in ",
        "5 rows, share of ponds 1.0000",
    ):
        assert part in said
    assert (tmp_path / "runs/rehearsals/pond-3-submit/submission.csv").read_text().startswith("name,runs\np,12 1\n")


def test_faults_are_printed_counted_and_return_1(rehearse):
    code, lines = rehearse("pond-3-submit", READ, "del rows[4]", WRITE)
    assert code == 1 and lines[-1] == "1 fault" and "  FAULT   submission.csv: 1 name missing: 't'" in lines


def test_parameters_are_overridden_and_a_mistyped_one_is_refused(rehearse):
    cells = (READ, "rows = [(name, runs) for name in names]", WRITE)
    _, lines = rehearse("pond-3-submit", *cells, more=("--set", "runs=3 4"))
    assert "  note    all 5 answers are the same: '3 4'" in lines
    code, lines = rehearse("pond-3-submit", *cells, more=("--set", "run=3 4"))
    assert code == 1 and "parameter 'run' (= '3 4') is not set by the notebook" in lines[-1]


def test_a_training_is_tried_and_projected_on_its_folds(rehearse):
    code, lines = rehearse("pond-2-train", READ, TRAIN, more=("--frames", "8", "--set", "epochs=40", "--set", "fold=1"))
    said = "\n".join(lines)
    assert code == 0, said
    assert "... 3 epochs on 6 ponds, 2 to predict" in said
    assert "a pond:      : trained 100 ms, judged 100 ms an epoch; predicted a 100 ms" in said
    # 40 epochs of 8 and 2 ponds at 0.1 s, 2 predicted at 0.1, and what of the run its notes do not explain
    assert re.search("1 fold of 8 ponds an epoch in 4. s of 12 h, one alone 4. s", said)
    assert "all output:  1.0 kB of 20.0 GB: weights 1.0 kB, prediction sets 0.0 kB" in said
    assert "7.0 h left this week" in said and "progress.json (" in said


def test_a_training_that_fails_is_told_and_not_projected(rehearse):
    code, lines = rehearse("pond-2-train", "raise FloatingPointError('the loss is nan')")
    where = "cell 2, line 1 (`raise FloatingPointError('the loss is nan')`)"
    assert code == 1 and f"  FAULT   {where} raises FloatingPointError: the loss is nan" in lines
    assert not any("projected" in line for line in lines)


def test_a_fold_that_there_is_not_is_refused(rehearse):
    code, lines = rehearse("pond-2-train", READ, TRAIN, more=("--set", "fold=4"))
    assert code == 1 and lines[-1].endswith("folds to train are [4], expected some of [1, 2]")


def test_several_folds_are_several_kernels_and_one_is_rehearsed(rehearse):
    code, lines = rehearse("pond-2-train", READ, TRAIN, more=("--set", "fold=0..4"))
    assert code == 1 and lines[-1].endswith("fold=0..4 makes 5 kernels: rehearse one of them, such as --set fold=0")


def test_a_source_that_the_metadata_forgets_is_the_notebooks_fault_and_no_traceback(rehearse, tmp_path, monkeypatch):
    monkeypatch.setitem(kernel_folders.TAKES, "pond-4-submit", ["pond-3-submit"])  # and not pond-2-train
    monkeypatch.setitem(kernel_folders.PARAMETERS, "pond-4-submit", "")
    write_kernel(tmp_path / "kernels", "pond-4-submit")
    (tmp_path / "runs/pond/3_submit").mkdir()
    weights = "from kaggle_utils.platform import runtime\nweights = runtime.stage_dir('pond', '2_train')"
    code, lines = rehearse("pond-4-submit", weights, hidden=())
    assert code == 1 and "  ... the hidden test, 2 ponds" in lines  # that held_out chose, by the same training
    assert "the output of notebook 'pond-2-train' is not attached" in "\n".join(lines)


def test_what_stages_left_is_found_where_the_variable_says_and_runs_wins_over_it(rehearse, tmp_path, monkeypatch):
    (tmp_path / "runs").rename(tmp_path / "other")
    monkeypatch.setenv("KAGGLE_UTILS_RUNS", "other")
    _, lines = rehearse("pond-2-train", "1 / 0")
    assert "  kept:        other/rehearsals/pond-2-train" in lines
    monkeypatch.setenv("KAGGLE_UTILS_RUNS", "nowhere")
    _, lines = rehearse("pond-2-train", "1 / 0", more=("--runs", "other"))
    assert "  kept:        other/rehearsals/pond-2-train" in lines


@pytest.mark.parametrize("option", ["--items", "--frames"])
@pytest.mark.parametrize("number", ["0", "-1", "ten", "1.5", ""])
def test_a_run_has_one_item_at_least(rehearse, option, number, capsys):
    with pytest.raises(SystemExit):
        rehearse("pond-1-eda", "pass", more=(option, number))
    assert f"argument {option}: {number} is no number of items, expected 1 or more" in capsys.readouterr().err


def test_any_other_stage_runs_once(rehearse):
    code, lines = rehearse("pond-1-eda", "open('folds.csv', 'w').write('name,fold')")
    assert code == 0 and any("folds.csv (0.0 kB)" in line for line in lines)


def test_a_signal_that_ends_the_command_ends_the_notebook(rehearse, monkeypatch):
    handlers = []
    run = lambda *given: handlers.append(signal.getsignal(signal.SIGTERM)) or run_notebook(*given)  # noqa: E731
    monkeypatch.setattr(rehearse_command, "run_notebook", run)
    rehearse("pond-1-eda", "pass")
    with pytest.raises(SystemExit, match=str(128 + signal.SIGTERM)):
        handlers[0](signal.SIGTERM, None)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_kernel_that_there_is_not_is_one_line(rehearse, capsys):
    assert main(["rehearse", "pond-9-rest", "--kernels", "kernels"]) == 1
    assert (
        "no kernel 'pond-9-rest' in kernels, there are: pond-1-eda, pond-2-train, pond-3-submit"
        in capsys.readouterr().err
    )


def test_a_dataset_must_be_a_folder(rehearse):
    code, lines = rehearse("pond-1-eda", "pass", more=("--dataset", "weights=nowhere"))
    assert code == 1 and lines[-1].endswith("--dataset is 'weights=nowhere', expected SLUG=DIR with a folder that exists")
