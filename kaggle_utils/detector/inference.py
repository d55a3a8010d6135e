"""A trained detector at work: frames in, the table of boxes out, the same at home and on Kaggle."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import nn

from kaggle_utils.boxes.table import Boxes
from kaggle_utils.detector.architecture import build
from kaggle_utils.images.views import unview_boxes, view
from kaggle_utils.learning.checkpoints import load_weights


class Detector:
    """A YOLO model and how to ask it.

    model: ultralytics DetectionModel
    imgsz: longer side in pixels that frames are resized to unless a call says otherwise
    device: "cpu", "cuda", "cuda:1", ...
    min_score, nms_iou: of :meth:`predict` unless a call says otherwise; a trained detector knows its own
    """

    def __init__(
        self, model: nn.Module, imgsz: int, device: str = "cpu", min_score: float = 0.01, nms_iou: float = 0.6
    ) -> None:
        self.model, self.imgsz, self.device = model.to(device).eval(), imgsz, torch.device(device)
        self.min_score, self.nms_iou = min_score, nms_iou
        self.stride = int(model.stride.max())

    @classmethod
    def load(cls, path: Path, device: str = "cpu") -> Detector:
        """A detector from a file that training wrote. Raises ValueError for a foreign checkpoint."""
        content = load_weights(path)
        if not {"architecture", "imgsz"} <= content.keys():
            raise ValueError(f"{path} holds {sorted(content)}, expected a checkpoint written by this kit's training")
        model = build(content["architecture"], content["architecture"].get("nc", 1))
        model.load_state_dict({k: v.float() for k, v in content["state"].items()})
        asked = {k: content["parameters"][k] for k in ("min_score", "nms_iou") if k in content.get("parameters", {})}
        return cls(model.fuse(verbose=False), content["imgsz"], device, **asked)

    @torch.inference_mode()
    def predict(
        self,
        images: Sequence[np.ndarray],
        *,
        imgsz: int | None = None,
        view_name: str = "identity",
        min_score: float | None = None,
        nms_iou: float | None = None,
        max_boxes: int = 100,
    ) -> Boxes:
        """Boxes in the given images, image number i as frame i, in each image's own pixels.

        images: (H, W, 3) uint8 RGB, all of one shape
        imgsz: longer side in pixels at which the model looks; view_name: see kaggle_utils.images.views
        min_score: boxes below are dropped; nms_iou: of two that overlap more, the lower is dropped
        """
        from ultralytics.utils.nms import non_max_suppression

        height, width = images[0].shape[:2]
        seen = [view(image, view_name) for image in images]
        batch, scale = self._batch(seen, imgsz or self.imgsz)
        raw = self.model(batch)
        lowest = self.min_score if min_score is None else min_score
        overlap = self.nms_iou if nms_iou is None else nms_iou
        found = non_max_suppression(raw, lowest, overlap, max_det=max_boxes, max_time_img=math.inf)  # whatever it takes
        frame = np.repeat(np.arange(len(found)), [len(rows) for rows in found])
        rows = torch.cat(found).cpu().numpy().astype(np.float64)  # x1 y1 x2 y2 score class, in the resized images
        xyxy = unview_boxes(rows[:, :4] / np.tile(scale, 2), view_name, width, height)
        return Boxes(frame, np.clip(xyxy, 0, [width, height, width, height]), rows[:, 4], rows[:, 5].astype(np.int64))

    def predict_frames(
        self, frames: Iterable[tuple[int, np.ndarray]], *, batch: int = 8, **options: float | str | None
    ) -> Boxes:
        """As :meth:`predict`, over (frame number, image) pairs of one image size, ``batch`` at a time."""
        frames, parts = iter(frames), []
        while chunk := list(islice(frames, batch)):
            numbers = np.array([number for number, _ in chunk], dtype=np.int64)
            found = self.predict([image for _, image in chunk], **options)
            parts.append(found.replace(frame=numbers[found.frame]))
        return Boxes.concat(parts)

    def _batch(self, images: Sequence[np.ndarray], imgsz: int) -> tuple[torch.Tensor, np.ndarray]:
        """Images resized, padded right and below to the stride: (B, 3, H, W) float 0..1, and (x, y) scale."""
        height, width = images[0].shape[:2]
        ratio = imgsz / max(height, width)
        new_h, new_w = max(1, round(height * ratio)), max(1, round(width * ratio))
        pad_h, pad_w = -new_h % self.stride, -new_w % self.stride
        batch = np.full((len(images), new_h + pad_h, new_w + pad_w, 3), 114, np.uint8)
        for slot, image in zip(batch, images, strict=True):
            slot[:new_h, :new_w] = cv2.resize(np.ascontiguousarray(image), (new_w, new_h), interpolation=cv2.INTER_LINEAR)
        tensor = torch.from_numpy(batch).to(self.device).permute(0, 3, 1, 2)  # (B, 3, H, W)
        return tensor.to(next(self.model.parameters()).dtype) / 255, np.array([new_w / width, new_h / height])
