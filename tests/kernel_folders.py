"""A small competition's folders of kernels and notebooks, for tests of what is pushed."""

from __future__ import annotations

import json
from pathlib import Path

COMPETITION = "tensorflow-great-barrier-reef"
TAKES = {"pond-1-eda": [], "pond-2-train": ["pond-1-eda"], "pond-3-submit": ["pond-2-train"]}
PARAMETERS = {
    "pond-1-eda": "n_folds = 5",
    "pond-2-train": "fold = 0\nimage_size = 640",
    "pond-3-submit": "image_size = 1",
}


def write_kernel(root: Path, name: str, **changes: object) -> Path:
    """A kernel's folder and its notebook; a change of None removes the key."""
    competition, number, title = name.split("-")
    notebook = root.parent / "notebooks" / competition / f"{number}_{title}.ipynb"
    notebook.parent.mkdir(parents=True, exist_ok=True)
    notebook.write_text(json.dumps(notebook_with(PARAMETERS[name])))
    content = {
        "id": f"OWNER/{name}",
        "title": name.replace("-", " ").capitalize(),
        "code_file": f"../../notebooks/{competition}/{notebook.name}",
        "language": "python",
        "kernel_type": "notebook",
        "enable_internet": False,
        "competition_sources": [COMPETITION],
        "dataset_sources": ["OWNER/kaggle-utils-wheels"],
        "kernel_sources": [f"OWNER/{source}" for source in TAKES[name]],
    }
    if name == "pond-2-train":
        content |= {"enable_gpu": True, "machine_shape": "NvidiaTeslaP100"}
    content = {key: value for key, value in (content | changes).items() if value is not None}
    (root / name).mkdir(parents=True, exist_ok=True)
    (root / name / "kernel-metadata.json").write_text(json.dumps(content))
    return root / name


def notebook_with(parameters: str) -> dict:
    """An .ipynb file's content with one cell, tagged `parameters`."""
    cell = {"cell_type": "code", "id": "p", "execution_count": None, "outputs": [], "source": parameters}
    cell["metadata"] = {"tags": ["parameters"]}
    return {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
