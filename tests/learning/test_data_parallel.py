"""Two processes that share every batch learn what one process learns; here they are two on a CPU."""

import math
import os

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from training_fixtures import BCE, ROWS, Halves, Session, brier, equal, one_thread, weights  # noqa: E402, F401

from kaggle_utils.learning.batches import Fold  # noqa: E402
from kaggle_utils.learning.data_parallel import ALONE, Team, together  # noqa: E402
from kaggle_utils.learning.parameters import TrainingParameters  # noqa: E402
from kaggle_utils.learning.trainer import train  # noqa: E402

TRAIN = range(31)  # batches of 8, 7, 8 and 8 rows: shares of a batch differ
PARAMETERS = TrainingParameters(epochs=3, batch=8, lr=0.01, ema=0.9, accumulate=3, clip=1.0, opened={0: 0, 1: 1}, encoder="0")


def plain_model(seed: int = 0) -> nn.Module:
    """Without batch norm and dropout, which see a process's own rows only; the encoder is frozen for an epoch."""
    torch.manual_seed(seed)
    encoder = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 4, 3, padding=1))
    return nn.Sequential(encoder, nn.Flatten(), nn.Linear(128, 1))


def learn(team: Team, folder, seconds_left=lambda: math.inf):
    torch.set_num_threads(1)
    model = plain_model(seed=team.rank)  # share_start makes them one
    return train(
        model, BCE, Fold(Halves(), TRAIN, range(31, ROWS)), brier, folder, PARAMETERS,
        seconds_left=seconds_left, team=team,
    )  # fmt: skip


def learn_at_once_and_after_a_stop(team: Team, folder) -> dict:
    stopped = learn(team, folder / "stopped", Session(7))  # asked at the start, after each of 4 batches, before epoch 2 ...
    whole, resumed = learn(team, folder / "whole"), learn(team, folder / "stopped")
    return {
        "stopped": stopped, "whole": whole, "resumed": resumed, "told": team.told(team.rank), "pid": os.getpid(),
        "sum": team.summed(torch.tensor([1.0 + team.rank])).item(), "rank": os.environ["RANK"],
    }  # fmt: skip


def fail_in_the_second(team: Team) -> None:
    if not team.leads:
        raise ValueError("a word from the second process")
    team.told("waits for the second, in vain")


def test_two_processes_learn_what_one_learns_and_go_on_after_a_stop(tmp_path):
    alone = learn(ALONE, tmp_path / "alone")
    both = together(["cpu", "cpu"], learn_at_once_and_after_a_stop, tmp_path)
    one, two = (weights(tmp_path / name / "last.pth") for name in ("alone", "whole"))
    assert all(torch.allclose(one[name], two[name], atol=1e-5) for name in one)
    assert [line["loss"] for line in both["whole"].history] == pytest.approx([line["loss"] for line in alone.history], abs=1e-5)
    assert both["whole"].best == pytest.approx(alone.best, abs=1e-5) and both["whole"].best_epoch == alone.best_epoch
    assert not both["stopped"].finished and both["resumed"].finished
    assert equal(weights(tmp_path / "stopped" / "last.pth"), two)
    assert (both["told"], both["sum"], both["rank"]) == (0, 3.0, "0") and both["pid"] != os.getpid()


def test_an_error_in_one_process_ends_all_and_names_itself():
    with pytest.raises(torch.multiprocessing.ProcessRaisedException, match="a word from the second process"):
        together(["cpu", "cpu"], fail_in_the_second)
