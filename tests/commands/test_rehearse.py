"""``kaggle-utils rehearse`` on the ponds: a submission, a training, a stage; what is printed and what is returned."""

from __future__ import annotations

import json
import signal
import sys
from types import ModuleType

import kernel_folders
import pond_contest
import pytest
from kernel_folders import write_kernel
from rehearsal_scenarios import READ, WRITE, notebook

from kaggle_utils.cli import main
from kaggle_utils.commands import rehearse as rehearse_command
from kaggle_utils.platform.push import quota
from kaggle_utils.platform.rehearsal.session import run_notebook
from kaggle_utils.tasks.training_cost import Hours, Sizes, grown

SETTINGS = "runs = '1 2'\nepochs = 20\nfold = None\nfolds = None"
PARAMETERS = {"cell_type": "code", "metadata": {"tags": ["parameters"]}, "source": SETTINGS}
TRAIN = """
import time
rows = open(f"{root}/input/competitions/pond/train.csv").read().split()
assert (epochs, folds, len(rows)) == (3, [1], 10)  # those of the trial
for epoch in range(epochs):
    time.sleep(0.1)
open("weights.bin", "wb").write(b"x" * 1000)
open(f"{root}/temp/cache.npy", "wb").write(b"x")
open(f"{root}/temp/home/settings", "wb").write(b"x")
"""


class PondCosts(ModuleType):
    """A training in which an epoch costs a tenth of a second whatever there is, and nothing else costs."""

    TRIAL_FOLDS = 1
    COMPETITION = {fold: Sizes(train=400, valid=100) for fold in range(5)}

    @staticmethod
    def parameters_of(values):
        return values["epochs"]

    @staticmethod
    def write_trial(folder, folds_csv, into, n_images, epochs):
        into.mkdir()
        (into / "train.csv").write_text("\n".join(map(str, range(n_images))))
        return PondCosts.fold_sizes(folder, folds_csv, epochs)

    @staticmethod
    def fold_sizes(folder, folds_csv, epochs):
        return {1: Sizes(train=8, valid=2)}

    @staticmethod
    def trial_values(epochs, folds):
        return {"epochs": 3, "folds": folds}

    @staticmethod
    def measured(written, seconds, tried, epochs):
        names = {path.rpartition("/")[2] for _, path in written}
        assert {"weights.bin", "cache.npy"} <= names and "settings" not in names and seconds > 0.3
        return 0.1

    @staticmethod
    def training_hours(each, full, epochs):
        return Hours(0.5, dict.fromkeys(full, each * epochs))

    @staticmethod
    def training_output(written, tried, full):
        return grown(written, [("bin$", "weights", 3)])

    @staticmethod
    def cost_lines(each, full):
        return [f"{each} s an epoch"]


@pytest.fixture
def rehearse(tmp_path, monkeypatch, capsys):
    """Writes a kernel with these cells, rehearses it; gives the exit code and the printed lines."""
    for name in ("pond-1-eda", "pond-2-train", "pond-3-submit"):
        write_kernel(tmp_path / "kernels", name)
    (tmp_path / "runs/pond/1_eda").mkdir(parents=True)
    (tmp_path / "runs/pond/2_train").mkdir()
    pond_contest.write_competition(tmp_path / "pond")
    (tmp_path / "hidden").mkdir()
    pond_contest.Ponds().write(tmp_path / "hidden")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "kaggle_utils.competitions.pond_rehearsal", sys.modules["pond_contest"])
    monkeypatch.setitem(sys.modules, "kaggle_utils.competitions.pond_training_cost", PondCosts("costs"))
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
        "... another order, 5 ponds",
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
    code, lines = rehearse("pond-2-train", READ, TRAIN, more=("--frames", "10", "--set", "epochs=40", "--set", "fold=1"))
    said = "\n".join(lines)
    assert code == 0, said
    assert "... 3 epochs on 8 ponds, 2 to predict" in said
    assert "a pond:      0.1 s an epoch" in said
    assert "1 fold of 8 ponds an epoch in 4.5 h of 12 h, one alone 4.5 h" in said  # once 0.5, 40 epochs at 0.1
    assert "all output:  3.0 kB of 20.0 GB: weights 3.0 kB" in said
    assert "7.0 h left this week" in said and "weights.bin (1.0 kB)" in said


def test_a_training_that_fails_is_told_and_not_projected(rehearse):
    code, lines = rehearse("pond-2-train", "raise FloatingPointError('the loss is nan')")
    where = "cell 2, line 1 (`raise FloatingPointError('the loss is nan')`)"
    assert code == 1 and f"  FAULT   {where} raises FloatingPointError: the loss is nan" in lines
    assert not any("projected" in line for line in lines)


def test_a_fold_that_there_is_not_is_refused(rehearse):
    code, lines = rehearse("pond-2-train", READ, TRAIN, more=("--set", "fold=4"))
    assert code == 1 and lines[-1].endswith("fold 4 is to be trained, but the folds are [1]")


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
