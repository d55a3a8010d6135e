"""A folder pushed to Kaggle as a private dataset, judged by the answer and not by the exit code."""

from __future__ import annotations

from pathlib import Path

from kaggle_utils.platform.push.client import KaggleFailure, ask

_LIMIT_S = 6 * 3600.0  # a torch for a P100 is 4 GB


def push_dataset(folder: Path, notes: str) -> str:
    """Uploads the folder (with its ``dataset-metadata.json``) and returns the dataset's address.

    A dataset that is there gets a new version with these notes. Raises KaggleFailure when Kaggle does
    not take it, cannot be reached, or a file did not arrive.
    """
    answer = ask("put_dataset", limit_s=_LIMIT_S, folder=str(folder), notes=notes)
    if (answer["status"] or "").lower() != "ok":
        raise KaggleFailure("refused", f"Kaggle did not take the dataset: {answer['error'] or answer['status']}")
    return answer["url"]
