"""ultralytics' trainer, its best epoch chosen by the metric it is given.

ultralytics' loop does the stepping. What differs here: validation is the kit's own inference scored
by a competition's own metric (not mAP), checkpoints hold tensors only, a killed training goes on from its last
epoch, several cards are joined by :mod:`kaggle_utils.learning.data_parallel` (ultralytics' way writes a script and
starts that), and nothing reaches for the network.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm
from ultralytics.engine import trainer as engine
from ultralytics.models.yolo.detect import DetectionTrainer
from ultralytics.utils import LOGGER
from ultralytics.utils.torch_utils import ModelEMA, unwrap_model

from kaggle_utils.detector.architecture import architecture, build, save_weights
from kaggle_utils.detector.dataset import FrameAugmentation, FrameDataset
from kaggle_utils.detector.inference import Detector
from kaggle_utils.detector.parameters import DetectorParameters
from kaggle_utils.detector.stages import Stamp
from kaggle_utils.detector.validation import Validation, predict_paths
from kaggle_utils.learning.checkpoints import start_from, write_checkpoint
from kaggle_utils.learning.data_parallel import Team
from kaggle_utils.learning.devices import half_precision
from kaggle_utils.learning.progress import Progress, endless, outlook


def _overrides(data_yaml: Path, place: Path, p: DetectorParameters, device: str) -> dict[str, Any]:
    """The kit's parameters in ultralytics' words."""
    hue, saturation, value = p.hsv
    return {
        "task": "detect", "mode": "train", "model": "kaggle_utils.yaml", "data": str(data_yaml), "pretrained": False,
        "project": str(place), "name": "log", "exist_ok": True, "save_dir": str(place / "log"),
        "epochs": p.epochs, "batch": p.batch, "nbs": p.batch if p.batch > 0 else 64, "imgsz": p.crop or p.imgsz,
        "optimizer": p.optimizer,
        "lr0": p.lr, "cos_lr": True, "warmup_epochs": p.warmup_epochs, "warmup_bias_lr": 0.0, "freeze": p.freeze or None,
        "patience": p.patience, "mosaic": p.mosaic, "close_mosaic": max(1, p.epochs // 5),
        "scale": p.scale, "translate": p.translate, "fliplr": p.fliplr, "flipud": p.flipud,
        "hsv_h": hue, "hsv_s": saturation, "hsv_v": value, "augmentations": [],
        "seed": p.seed, "workers": p.workers, "cache": p.cache, "device": device,
        "amp": half_precision(torch.device(device)) is not None,
        "plots": False, "val": True, "verbose": False,
    }  # fmt: skip


class Ended(Exception):
    """A killed run had trained the stage's last epoch; ultralytics' loop would train one more."""


class JudgedTrainer(DetectionTrainer):
    """ultralytics' trainer with a validation of one's own, safe checkpoints and the kit's frames."""

    def __init__(
        self,
        team: Team,
        data_yaml: Path,
        validation: Validation,
        place: Path,
        stage: DetectorParameters,
        stamp: Stamp,
        donors: Sequence,
        seconds_left: Callable[[], float] = endless,
    ) -> None:
        self.team, self.stage, self.stamp, self.place = team, stage, stamp, place
        self.judge, self.donors = validation, tuple(donors)
        self.began, self.before = time.time(), 0.0  # seconds that earlier sessions took
        self.seconds_left, self.longest, self.stopped = seconds_left, 0.0, ""
        self.record = Progress(place, stage.epochs, -(-stage.epochs // stage.validate_every))
        engine.check_amp = lambda model: True  # ours is decided above; ultralytics' downloads a model to find out
        LOGGER.setLevel("ERROR")
        super().__init__(overrides=_overrides(data_yaml, place, stage, team.device))
        if team.size > 1:
            self.world_size = team.size  # to ultralytics this process has one card
        self.add_callback("on_train_epoch_start", JudgedTrainer._begin_epoch)
        if team.leads:
            self.add_callback("on_train_start", JudgedTrainer._open_bar)
            self.add_callback("on_train_epoch_end", JudgedTrainer._watch_the_clock)
            self.add_callback("on_fit_epoch_end", JudgedTrainer._move_bar)
            self.add_callback("teardown", JudgedTrainer._close_bar)

    def _setup_ddp(self) -> None:
        """Nothing: the group of processes is there already."""

    @property
    def title(self) -> str:
        """What is trained, as bars and messages name it: the last two folders above the stage's."""
        return "/".join(self.place.parts[-3:-1])

    @property
    def seconds(self) -> float:
        """Spent on this stage so far, over all sessions."""
        return self.before + time.time() - self.began

    def _begin_epoch(self) -> None:
        """All chance of an epoch comes of the seed and its number, so that a killed training goes on to the same weights.

        Decoding processes begin anew: they hold generators, and frames of the next epoch, that no checkpoint could keep.
        """
        seeds = (self.stage.seed, self.epoch, engine.RANK + 1)
        number = int(np.random.SeedSequence(seeds).generate_state(1)[0])
        random.seed(number)
        np.random.seed(number)
        torch.manual_seed(number)
        self.train_loader.reset()
        self.train_loader.generator.manual_seed(number)
        self.train_loader.dataset.begin(*seeds)

    def _watch_the_clock(self) -> None:
        spent = time.time() - self.epoch_time_start
        self.record.note("trained", len(self.train_loader.dataset), spent)
        if self.epoch == self.start_epoch:
            tqdm.write(outlook(self.title, spent, self.epochs - self.epoch - 1, self.seconds_left()))
        self.longest, left = max(self.longest, spent), self.seconds_left() - self.stage.reserve
        if self.stage.hours and self.seconds > 3600 * self.stage.hours:
            self.stopped = f"{self.stage.hours} hours are over"
        elif self.stage.trial and self.epoch + 1 >= self.stage.trial:
            self.stopped = f"a trial of {self.stage.trial} epochs"
        elif self.epoch + 1 < self.epochs and left < (wanted := self._wanted()):
            self.stopped = f"the deadline: {max(left, 0):.0f} s to use, another epoch and all predictions take {wanted:.0f} s"
        if self.stopped:
            print(f"{self.title}: {self.stopped}, epoch {self.epoch + 1} is the last")
            self.stop = True

    def _wanted(self) -> float:
        """Seconds that another epoch takes, this one's and its judging, and the predictions after the last."""
        judged = max((seconds for _, seconds, _ in self.record.costs.get("judged", ())), default=0.0)
        return 1.2 * (self.longest + (2 + self.judge.asked_again) * judged)

    def _open_bar(self) -> None:
        self.bar = tqdm(desc=f"train {self.title}", total=self.epochs, initial=self.start_epoch, unit="epoch")

    def _move_bar(self) -> None:
        self.bar.update()
        self.bar.set_postfix(loss=f"{sum(self.tloss.values()):.2f}", best=f"{self.best_fitness or 0:.3f}")

    def _close_bar(self) -> None:
        if hasattr(self, "bar"):
            self.bar.close()

    def get_model(self, cfg: Any = None, weights: Any = None, verbose: bool = True) -> torch.nn.Module:
        """The stage's architecture with its start weights."""
        model = build(architecture(self.stage.model), self.data["nc"], self.stage.prior)
        if self.stage.start:
            fitting, tensors = start_from(model, Path(self.stage.start))
            if self.team.leads:
                print(f"start weights: {fitting} of {tensors} tensors fit ({self.stage.start})")
        return model

    def get_dataloader(self, dataset_path: str, batch_size: int = 16, rank: int = 0, mode: str = "train") -> Any:
        """ultralytics' loader; the one for validation, which only counts labels, gets no processes."""
        workers = self.args.workers
        self.args.workers = workers if mode == "train" else 0
        try:
            return super().get_dataloader(dataset_path, batch_size, rank, mode)
        finally:
            self.args.workers = workers

    def build_dataset(self, img_path: str, mode: str = "train", batch: int | None = None) -> torch.utils.data.Dataset:
        """Training frames with the kit's augmentations; the validation frames' labels, whose images are not used."""
        p, train = self.stage, mode == "train"
        augmentation = FrameAugmentation(self.donors, p.paste, p.paste_blend, p.crop, p.rotate90)
        return FrameDataset(
            img_path=img_path, imgsz=self.args.imgsz, batch_size=batch, augment=train, hyp=self.args, rect=False,
            cache="ram" if p.cache and train else None, stride=32, task="detect", data=self.data,
            augmentation=augmentation, pixel_set=p.augmentations, load_size=p.imgsz,
        )  # fmt: skip

    def validate(self) -> tuple[dict[str, float], float | None]:
        """The metric on the validation frames, every few epochs and at the end; nothing where there are no such frames."""
        if not len(self.judge.rows):
            self._report({"epoch": self.epoch + 1})
            return {}, None
        goes_on = self.stopped.startswith("the deadline") and (self.place / "best.pth").is_file()  # to the same result
        last = self.epoch + 1 >= self.epochs or (self.stop and not goes_on)
        if not self.team.leads or (self.epoch + 1) % self.stage.validate_every and not last:
            return {}, None
        detector = Detector(deepcopy(self.ema.ema).float(), self.stage.imgsz, str(self.device))
        options = {"min_score": self.stage.min_score, "nms_iou": self.stage.nms_iou}
        with self.record.timed("judged", len(self.judge.rows)):
            boxes = predict_paths(detector, self.judge.rows, self.judge.paths, **options)
            figures = self.judge.figures(boxes)
        name, score = next(iter(figures.items()))
        self.best_fitness = score if self.best_fitness is None else max(self.best_fitness, score)
        self._report({"epoch": self.epoch + 1, **figures, "boxes": len(boxes)})
        return {name: score}, score

    def _report(self, figures: dict[str, float]) -> None:
        figures |= {"loss": float(sum(self.tloss.values())), "minutes": self.seconds / 60, "batch": self.batch_size}
        self.record.history.append({name: round(value, 4) for name, value in figures.items()})

    def save_metrics(self, metrics: dict[str, float]) -> None:
        """ultralytics' results.csv is not written: progress.json is."""

    def save_model(self) -> bool:
        """Weights of the best epoch, and all that is needed to go on from this one; tensors and numbers only."""
        began = time.monotonic()
        if not len(self.judge.rows) or self.fitness is not None and self.fitness == self.best_fitness:
            stage = {"imgsz": self.stage.imgsz, "parameters": asdict(self.stage)}
            facts = {**stage, "score": self.fitness, "epoch": self.epoch + 1}
            save_weights(self.place / "best.pth", self.ema.ema, **facts)
        state = {
            "epoch": self.epoch,
            "ema": self.ema.ema.state_dict(),
            "model": unwrap_model(self.model).state_dict(),
            "updates": self.ema.updates,
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "best_fitness": self.best_fitness,
            "stamp": self.stamp,
            "ended": bool(self.stop) and not self.stopped.startswith("the deadline"),
            "stopped": self.stopped,
            "seconds": self.seconds,
            "history": self.record.history,
            "stopper": {"best_fitness": self.stopper.best_fitness, "best_epoch": self.stopper.best_epoch},
        }
        write_checkpoint(self.place / "resume.pth", state)
        best = self.place / "best.pth"  # which the fold's folder gets a copy of
        self.record.note("written", 1, time.monotonic() - began, 2 * best.stat().st_size if best.is_file() else 0)
        self.record.write()
        return True

    def resume_training(self, ckpt: Any) -> None:
        """Go on behind the last finished epoch, when a killed run of this very stage left one; else start anew.

        Raises Ended where that was the stage's last.
        """
        state = self._left_by_a_killed_run()
        self.team.wait()  # until all have read what the first may delete
        if state is None:
            for name in ("resume.pth", "best.pth") if self.team.leads else ():
                (self.place / name).unlink(missing_ok=True)
            self.record.history = []
            return
        unwrap_model(self.model).load_state_dict(state["model"])
        self.ema = ModelEMA(self.model)
        self.ema.ema.load_state_dict(state["ema"])
        self.ema.updates = state["updates"]
        self.optimizer.load_state_dict(state["optimizer"])
        self.scaler.load_state_dict(state["scaler"])
        self.best_fitness = state["best_fitness"]
        self.stopper.__dict__.update(state["stopper"])
        self.start_epoch, self.before, self.record.history = state["epoch"] + 1, state["seconds"], state["history"]
        if state["ended"]:
            self.stopped = state["stopped"]
            raise Ended

    def _left_by_a_killed_run(self) -> dict[str, Any] | None:
        path = self.place / "resume.pth"
        if not path.is_file():
            return None
        state = torch.load(path, map_location="cpu", weights_only=True)
        return state if state.get("stamp") == self.stamp else None

    def _handle_nan_recovery(self, epoch: int) -> bool:
        if self.loss is not None and not self.loss.isfinite():
            raise FloatingPointError(f"the loss is {self.loss.item()} in epoch {epoch + 1}; lower lr={self.stage.lr}")
        return False

    def final_eval(self) -> None:
        """Nothing: the best epoch is chosen and written already."""
