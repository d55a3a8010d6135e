"""A model, a loss and augmentations of one's own: trained, and asked where nothing is left but the outputs."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("segmentation_models_pytorch")

from toy_masks import SIDE, Discs

from kaggle_utils.competitions import find
from kaggle_utils.learning.models import load_model
from kaggle_utils.learning.own import own
from kaggle_utils.tasks.jobs import side_by_side
from kaggle_utils.tasks.masks.decision import Decision, Merge, same_rule
from kaggle_utils.tasks.masks.prediction import predictions
from kaggle_utils.tasks.runs import read_runs
from kaggle_utils.tasks.training import train_members

FILE = """
import albumentations
import torch

class Net(torch.nn.Module):
    def __init__(self, parameters):
        super().__init__()
        self.one = torch.nn.Conv2d(parameters.inputs, parameters.classes, 3, padding=1)

    def forward(self, images):
        return self.one(images)

def squared(logits, targets, power=2.0):
    return (logits.sigmoid() - targets).abs().pow(power).mean()

turned = [albumentations.HorizontalFlip(p=0.5)]
"""
CHOSEN = {"architecture": "own.py:Net", "loss": "bce+own.py:squared", "loss_options": {"power": 3.0}, "labels": 0,
          "augmentations": "noise+own.py:turned", "epochs": 3}  # fmt: skip
ASKED = Decision(Merge(("net_identity",)), same_rule(1))
FRESH = """
import sys, numpy as np
from pathlib import Path
from toy_masks import Discs
from kaggle_utils.tasks.runs import read_runs
from test_own import ASKED
toy = Discs()
test = toy.test(Path(sys.argv[2]))
looks = [lambda size, row=row, **pixels: toy.read(test, row, size, **pixels) for row in range(len(test))]
predictor = toy.KIND.predictor(toy, read_runs([sys.argv[1]]), ASKED.plain(), models="all")
np.save(sys.argv[3], np.stack(list(predictor(looks))))
"""


def trained(output: Path, folds=(0, 1), run=None, **changes) -> list:
    toy = find(Discs())
    items = toy.load(toy.make_sample(output.parent / "discs"))
    members = {name: one.plain() for name, one in toy.KIND.members({**CHOSEN, **changes}, toy.SMOKE).items()}
    earlier = read_runs([output]) if (output / "run.json").is_file() else None
    fold = np.arange(12) % 2
    return train_members(toy, items, fold, members, folds, output, earlier=earlier, cache=output.parent / "cache", run=run,
                         seconds_left=endless)  # fmt: skip


def endless() -> float:
    return float("inf")


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("own.py").write_text(FILE)
    return tmp_path


def test_a_fresh_process_answers_from_the_outputs_alone(place, monkeypatch):
    jobs = trained(place / "out")
    assert [job.member for job in jobs] == ["net", "net"] and all(job.origin["own.py"] for job in jobs)
    Path("own.py").unlink()
    (place / "elsewhere").mkdir()
    command = [sys.executable, "-c", FRESH, str(place / "out"), str(place / "discs"), str(place / "answers.npy")]
    monkeypatch.setenv("PYTHONPATH", f"{Path(__file__).parents[2]}:{Path(__file__).parent}")
    subprocess.run(command, cwd=place / "elsewhere", check=True, capture_output=True)
    toy = Discs()
    test = toy.test(place / "discs")
    pixels = np.stack([toy.read(test, row, None) for row in range(4)])
    asked = [predictions(load_model(job.weights["best"]), pixels, range(4), "identity", (SIDE, SIDE), 4, "cpu") for job in jobs]
    mean = sum(next(one)[1][0] for one in asked) / 2
    assert ((mean >= 0.5) == np.load("answers.npy")).mean() > 0.999


def test_two_processes_train_as_one_does(place):
    alone = trained(place / "out")
    both = trained(place / "more/out", run=side_by_side(["cpu", "cpu"]))
    [shared] = trained(place / "less/out", folds=(0,), run=side_by_side(["cpu", "cpu"]))
    assert [job.score for job in both] == pytest.approx([job.score for job in alone], abs=1e-4)
    assert shared.weights["best"].with_name("own.py").read_text() == FILE


def test_a_changed_file_is_another_training(place):
    [job] = trained(place / "out", folds=(0,))
    assert [again.identity for again in trained(place / "out", folds=(0,))] == [job.identity]
    Path("own.py").write_text(FILE.replace("power=2.0", "power=4.0"))
    with pytest.raises(ValueError, match=r"own.py='\w+', now '\w+': give the member another name"):
        trained(place / "out", folds=(0,))


def test_weights_are_not_loaded_with_another_file_beside_them(place):
    [job] = trained(place / "out", folds=(0,))
    job.weights["best"].with_name("own.py").write_text(FILE + "print('never run')")
    with pytest.raises(ValueError, match=r"fold0/own.py is \w+, expected \w+, with which the weights were trained"):
        load_model(job.weights["best"])


@pytest.mark.parametrize(("chosen", "said"), [
    ({"loss": "own.py:cubed"}, "own.py:cubed: own.py has no 'cubed', it has .*Net, squared, turned"),
    ({"augmentations": "flips+own.py:x"}, "own.py has no 'x'"),
    ({"loss_options": {"gamma": 1.0}}, r"options \['gamma'\] are known to no part of 'bce\+own.py:squared'"),
])  # fmt: skip
def test_what_is_not_in_the_file_is_said_before_anything_is_trained(place, chosen, said):
    with pytest.raises(ValueError, match=said):
        trained(place / "out", **chosen)


def test_without_the_file_a_cell_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="own.py:Net: there is no .*own.py, expected a cell to write it: %%writefile own.py"):
        own("own.py:Net")


def test_a_detector_takes_none():
    from kaggle_utils.competitions import reef

    for chosen in ({"model": "own.py:Net"}, {"augmentations": "own.py:turned"}):
        with pytest.raises(ValueError, match="a detector is ultralytics', own.py has no say in it"):
            reef.KIND.members(chosen)


