"""Where the truth of a hidden test lies, for those who score at home after the submission is written.

A hidden test is a folder of images; ``truth.csv``, in the competition's own layout, lies in it or beside
it (the built-in samples put it beside). Notebooks never look for it.
"""

from __future__ import annotations

from pathlib import Path

__all__ = ["hidden_truth"]


def hidden_truth(folder: Path) -> Path | None:
    """``truth.csv`` in a hidden test's folder, or else beside it; None where the truth is not known.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as name:
    ...     _ = Path(name, "truth.csv").write_text("")
    ...     hidden_truth(Path(name, "test_images")).name, hidden_truth(Path(name)).name, hidden_truth(Path(name, "a", "b"))
    ('truth.csv', 'truth.csv', None)
    """
    return next((path for path in (folder / "truth.csv", folder.with_name("truth.csv")) if path.is_file()), None)
