"""The trainer that the image tasks share: one model, one fold, judged by the competition's own metric.

    outcome = train(model, loss, Fold(examples, train_rows, valid_rows), metric, folder, parameters)

An epoch is a pass over the training rows, then the metric on predictions of the rows that were left
out. ``best.pth`` and ``last.pth`` hold weights and plain facts, ``progress.json`` a line of figures
an epoch, ``resume.pth`` all that is needed to go on after a kill to the same result. What is done is
not done again. The loop knows no platform: it asks the function it is given how much time is left.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.optim.lr_scheduler import ReduceLROnPlateau
from tqdm import tqdm

from kaggle_utils.files import json_text, plain, replacing
from kaggle_utils.learning.batches import Fold, mixed_seed, shuffled
from kaggle_utils.learning.checkpoints import load_weights, write_checkpoint
from kaggle_utils.learning.data_parallel import ALONE, Team
from kaggle_utils.learning.devices import half_precision, laid_out, mixed_precision
from kaggle_utils.learning.parameters import TrainingParameters, require_same
from kaggle_utils.learning.predict import moved, predict
from kaggle_utils.learning.progress import Progress, endless, outlook
from kaggle_utils.learning.schedule import cosine, decay_at, follow, learning_mode, open_blocks, optimizer, parameter_groups

Predictions = Iterator[tuple[np.ndarray, Any]]  # (row numbers (B,), probabilities (B, ...)), batch by batch
Loss = Callable[[Any, Any], torch.Tensor]  # (outputs, targets) -> scalar
Metric = Callable[[Predictions], Mapping[str, float]]
Mix = Callable[[Any, Any, torch.Generator], tuple[Any, Any]]


@dataclass(frozen=True)
class Epoch:
    """What a callback is told after an epoch; the model is the one that was judged."""

    number: int  # from 1
    loss: float  # mean over the training rows
    figures: Mapping[str, float]  # the metric's
    better: bool  # than all before
    model: nn.Module


@dataclass(frozen=True)
class Outcome:
    """How a training ended.

    best: the best epoch's first figure; best_epoch: its number, from 1. None and 0 when no epoch was judged
    seconds: how long it took, over all sessions
    stopped: why it ended, in words; finished: False when the deadline stopped it
    history: a mapping for each epoch; folder: where best.pth and last.pth lie
    """

    best: float | None
    best_epoch: int
    stopped: str
    finished: bool
    seconds: float
    history: list[dict[str, float]]
    folder: Path


def train(
    model: nn.Module,
    loss: Loss,
    fold: Fold,
    metric: Metric,
    folder: Path,
    parameters: TrainingParameters,
    *,
    team: Team = ALONE,
    mix: Mix | None = None,
    callbacks: Iterable[Callable[[Epoch], None]] = (),
    seconds_left: Callable[[], float] = endless,
    facts: Mapping[str, Any] | None = None,
    until: int = 0,
    progress: str | None = None,
) -> Outcome:
    """Train a model on one fold; it comes back with the weights of its best epoch.

    A fold without rows to be judged on gives the last epoch's weights, for which nothing is measured.

    loss: (outputs, targets) -> scalar
    metric: given out-of-fold predictions batch by batch; its first figure decides, higher is better
    team: where to train it; of several processes that train it together each calls this function
    mix: (inputs, targets, generator) -> the same, mixed among the rows of a batch (kaggle_utils.learning.mixing)
    seconds_left: asked again and again, so that the training ends in time
    facts: plain values that lie beside the weights, all that the result depends on besides the parameters:
        where they or the rows differ, it is another training
    until: ends after so many epochs of the same schedule; 0: after all
    progress: the bar's title, None for no bar
    Raises ValueError when the folder holds another training, and for the schedule plateau without rows to be judged on;
    FloatingPointError when the loss is not finite or the metric not a number.
    """
    if parameters.schedule == "plateau" and not len(fold.valid):
        raise ValueError("schedule is 'plateau', expected another where there are no rows to be judged on")
    folder, done, model = Path(folder), Path(folder) / "done.json", laid_out(model, team.device)
    about = {"facts": plain(facts or {}), "rows": fold.digest()}
    if team.told(done.is_file()):  # asked once: the first process may write it before another looks
        note = json.loads(done.read_text())
        require_same(note["parameters"], parameters.plain() | about, folder)
        outcome = Outcome(**note["outcome"] | {"folder": folder})
    else:
        run = _Training(model, loss, fold, metric, folder, parameters, team, about)
        run.mix, run.seconds_left, run.until = mix, seconds_left, until
        outcome = run.to_the_end(tuple(callbacks), progress)
        if outcome.finished and team.leads:
            with replacing(done) as part:
                part.write_text(json_text({"parameters": parameters.plain() | about, "outcome": vars(outcome)}))
            (folder / "resume.pth").unlink(missing_ok=True)
    if outcome.best_epoch and team.leads:
        model.load_state_dict(load_weights(folder / "best.pth")["state"])
    return outcome


class _Training:
    """The state of one training and the loop over it."""

    mix: Mix | None
    seconds_left: Callable[[], float]
    until: int

    def __init__(
        self, model: nn.Module, loss: Loss, fold: Fold, metric: Metric,
        folder: Path, p: TrainingParameters, team: Team, about: dict[str, Any],
    ) -> None:  # fmt: skip
        self.about = about
        self.p, self.folder, self.fold, self.team, self.device = p, folder, fold, team, torch.device(team.device)
        team.share_start(model)
        self.model, self.loss, self.metric = model, loss, metric
        self.kept = deepcopy(self.model).requires_grad_(False) if p.ema else self.model
        self.workers = p.processes(self.device)
        self.batches = shuffled(fold.examples, fold.train, p.batch, p.seed, self.workers, (team.rank, team.size))
        self.steps = -(-len(self.batches) // p.accumulate)  # of an epoch
        self.optimizer = optimizer(parameter_groups(model, p.lr, p.rates, p.weight_decay), p.optimizer)
        self.scaler = torch.amp.GradScaler("cuda", enabled=half_precision(self.device, p.mixed) is torch.float16)
        patience, factor = p.plateau
        self.plateau = ReduceLROnPlateau(self.optimizer, "max", factor, patience, threshold=0.0, eps=0.0)
        self.step, self.history, self.best, self.best_epoch = 0, [], -math.inf, 0
        self.longest = self.judging = self.seconds = 0.0
        self.record = Progress(folder, p.epochs)
        self._resume()

    def to_the_end(self, callbacks: tuple, progress: str | None) -> Outcome:
        total, done = self.p.epochs * len(self.batches), len(self.history) * len(self.batches)
        quiet = progress is None or not self.team.leads
        with tqdm(desc=progress, total=total, initial=done, disable=quiet, unit="batch") as self.bar:
            while not (why := self.team.told(self._ended())):
                began = time.monotonic()
                loss, whole = self._learn(len(self.history))
                if whole:
                    self.record.note("trained", len(self.fold.train), time.monotonic() - began)
                self._judge(loss, whole, callbacks)
                self.longest = max(self.longest, time.monotonic() - began)
                self.seconds += time.monotonic() - began
                if not quiet and len(self.history) == 1:
                    tqdm.write(outlook(progress, self.longest, self.p.epochs - 1, self.seconds_left()))
                if not whole:
                    why = f"the deadline, within epoch {len(self.history)}"
                    break
                if self.team.leads:
                    self._write_resume()
        finished = not why.startswith("the deadline")
        best = self.best if math.isfinite(self.best) else None
        return Outcome(best, self.best_epoch, why, finished, self.seconds, self.history, self.folder)

    def _ended(self) -> str:
        """Why no further epoch is begun; empty when one is."""
        epoch, p = len(self.history), self.p
        if epoch >= p.epochs:
            return f"all {p.epochs} epochs"
        if p.trial and epoch >= p.trial:
            return f"a trial of {p.trial} epochs"
        if self.until and epoch >= self.until:
            return f"{self.until} of {p.epochs} epochs"
        if p.patience and epoch - self.best_epoch >= p.patience:
            return f"no better score in {p.patience} epochs"
        left = self.seconds_left() - p.reserve
        if left < 1.1 * self.longest or left <= 0:
            return f"the deadline: {max(left, 0):.0f} s to use after {epoch} epochs, one takes {self.longest:.0f} s"
        return ""

    def _learn(self, epoch: int) -> tuple[float, bool]:
        """One pass; (mean loss, whether it was whole and not cut short by the deadline)."""
        p = self.p
        latest = max((at for at in p.opened if at <= epoch or p.trial), default=None)
        if latest is not None:
            open_blocks(self.model, p.encoder, p.opened[latest])
        learning_mode(self.model)
        self._seed(epoch)
        generator = torch.Generator().manual_seed(mixed_seed(p.seed, epoch, 1, *self.team.salt))
        self.batches.batch_sampler.epoch = epoch
        total, rows, number = torch.zeros((), device=self.device), 0, 0
        for number, (numbers, (inputs, targets)) in enumerate(self.batches, 1):
            if self.mix:
                inputs, targets = self.mix(inputs, targets, generator)
            total += self._forward_backward(inputs, targets, number, len(numbers)) * len(numbers)
            rows += len(numbers)
            if number % p.accumulate == 0 or number == len(self.batches):
                self._update()
            self.bar.update()
            if self.team.told(self.seconds_left() < p.reserve + self.judging):
                break
        total, rows = self.team.summed(torch.stack([total, total.new_tensor(rows)])).tolist()
        mean = total / rows
        if not math.isfinite(mean):
            raise FloatingPointError(f"the loss is {mean} in epoch {epoch + 1}; lower lr={p.lr} or set clip={p.clip} to 1")
        return mean, number == len(self.batches)

    def _forward_backward(self, inputs: Any, targets: Any, number: int, rows: int) -> torch.Tensor:
        """The loss of this process's rows of a batch; its gradients weigh by the rows it has."""
        p, last = self.p, len(self.batches)
        first_of_group = (number - 1) // p.accumulate * p.accumulate
        group = min(p.accumulate, last - first_of_group)
        with mixed_precision(self.device, p.mixed):
            value = self.loss(self.model(moved(inputs, self.device)), moved(targets, self.device))
        share = rows * self.team.size / self.batches.batch_sampler.sizes[number - 1]
        self.scaler.scale(value * share / group).backward()
        return value.detach()

    def _update(self) -> None:
        p = self.p
        self.team.average_gradients(self.model)
        if p.schedule == "cosine":
            factor = cosine(self.step, p.epochs * self.steps, round(p.warmup_epochs * self.steps))
            for group in self.optimizer.param_groups:
                group["lr"] = group["base_lr"] * factor
        if p.clip:
            self.scaler.unscale_(self.optimizer)
            nn.utils.clip_grad_norm_(self.model.parameters(), p.clip)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad(set_to_none=True)
        self.step += 1
        if p.ema:
            follow(self.kept, self.model, decay_at(self.step, p.ema))

    def _judge(self, loss: float, whole: bool, callbacks: tuple) -> None:
        """The metric on the rows left out, if there are any; writes last.pth, best.pth and progress.json."""
        p, began, number, measured = self.p, time.monotonic(), len(self.history) + 1, len(self.fold.valid) > 0
        figures = self.team.told(self._figures() if self.team.leads and measured else {})
        self.record.note("judged", len(self.fold.valid), time.monotonic() - began)
        name, score = next(iter(figures.items()), ("", -math.inf))
        if math.isnan(score):
            raise FloatingPointError(f"the metric's {name} is nan in epoch {number}, expected a number")
        better = score > self.best or not measured
        if better := better and (whole or not self.history):  # else a resumed training would end elsewhere
            self.best, self.best_epoch = score, number
        rate = self.optimizer.param_groups[-1]["lr"]
        self.history.append(plain({"epoch": number, "whole": whole, "loss": loss, "lr": rate, **figures}))
        if p.schedule == "plateau":
            self.plateau.step(score)
        if self.team.leads:
            self._write(better)
        self.judging = time.monotonic() - began
        self.bar.set_postfix(loss=f"{loss:.3f}", **({"score": f"{score:.4f}", "best": f"{self.best:.4f}"} if measured else {}))
        for callback in callbacks if self.team.leads else ():
            callback(Epoch(number, loss, figures, better, self.kept))

    def _figures(self) -> dict[str, float]:
        predictions = predict(
            self.kept, self.fold.examples, self.fold.valid,
            batch=self.p.batch, device=self.device, workers=self.workers, mixed=self.p.mixed,
        )  # fmt: skip
        return {name: float(value) for name, value in self.metric(predictions).items()}

    def _write(self, better: bool) -> None:
        began, names = time.monotonic(), ["last.pth", "best.pth"][: 1 + better]
        facts = plain({"parameters": self.p.plain(), **self.history[-1], **self.about["facts"]})
        content = {"state": {name: tensor.cpu() for name, tensor in self.kept.state_dict().items()}, **facts}
        for name in names:
            write_checkpoint(self.folder / name, content)
        size = 2 * (self.folder / names[0]).stat().st_size  # best.pth stays beside last.pth
        self.record.note("written", 1, time.monotonic() - began, size)
        self.record.write(self.history)

    def _seed(self, epoch: int) -> None:
        """Dropout and the like draw the same in the same epoch; on a GPU only this device's generator is touched."""
        seed = mixed_seed(self.p.seed, epoch, *self.team.salt)
        if self.device.type == "cuda":
            with torch.cuda.device(self.device):
                torch.cuda.manual_seed(seed)
        else:
            torch.manual_seed(seed)

    def _write_resume(self) -> None:
        numbers = {name: getattr(self, name) for name in _NUMBERS}
        stateful = {name: getattr(self, name).state_dict() for name in _STATEFUL}
        content = {"parameters": self.p.plain() | self.about, **numbers, **stateful}
        write_checkpoint(self.folder / "resume.pth", content)

    def _resume(self) -> None:
        path = self.folder / "resume.pth"
        if not path.is_file():
            return
        content = torch.load(path, map_location="cpu", weights_only=True)  # AdamW's step counts must stay there
        require_same(content["parameters"], self.p.plain() | self.about, self.folder)
        for name in _NUMBERS:
            setattr(self, name, content[name])
        for name in _STATEFUL:
            getattr(self, name).load_state_dict(content[name])


_NUMBERS = ("step", "history", "best", "best_epoch", "longest", "judging", "seconds")
_STATEFUL = ("model", "kept", "optimizer", "scaler", "plateau")
