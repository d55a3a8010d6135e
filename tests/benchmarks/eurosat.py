"""A classifier from real start weights on real satellite pictures: EuroSAT's ten kinds of land, by accuracy.

    python -m tests.benchmarks.eurosat FOLDER WEIGHTS [--epochs 4] [--encoder tf_efficientnet_lite0]

FOLDER has a folder of pictures for each kind (Helber et al. 2019; 64x64, red, green, blue); one in five is left out.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from kaggle_utils.images.decode import decode
from kaggle_utils.learning.batches import Fold
from kaggle_utils.learning.losses import loss
from kaggle_utils.learning.models import ModelParameters, build
from kaggle_utils.learning.parameters import TrainingParameters
from kaggle_utils.learning.trainer import train
from kaggle_utils.tasks.labels.training import LabelExamples


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("weights", type=Path)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--encoder", default="tf_efficientnet_lite0")
    args = parser.parse_args()
    paths = sorted(args.folder.glob("*/*.jpg"))
    kinds, kind = np.unique([path.parent.name for path in paths], return_inverse=True)
    fold = np.random.default_rng(0).permutation(len(paths)) % 5
    examples = LabelExamples(np.stack(list(decode(paths))), np.eye(len(kinds))[kind], "dihedral")

    def accuracy(predicted: Iterator[tuple[np.ndarray, np.ndarray]]) -> dict[str, float]:
        right = [answer.argmax(1) == kind[rows] for rows, answer in predicted]
        return {"accuracy": float(np.concatenate(right).mean())}

    parts = Fold(examples, np.flatnonzero(fold != 0), np.flatnonzero(fold == 0))
    for start in ("", str(args.weights)):
        model = build(ModelParameters("classifier", args.encoder, classes=len(kinds), start=start))
        began, how = time.process_time(), TrainingParameters(epochs=args.epochs, batch=32, lr=1e-3)
        with tempfile.TemporaryDirectory() as folder:
            outcome = train(model, loss("bce"), parts, accuracy, Path(folder), how)
        learnt = ", ".join(f"{epoch['accuracy']:.3f}" for epoch in outcome.history)
        name = Path(start).name or "random weights"
        print(f"{name}: accuracy {learnt} on {(fold == 0).sum()} of {len(paths)}; {time.process_time() - began:.0f} s of the processor")


if __name__ == "__main__":
    main()
