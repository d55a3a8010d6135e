"""What is wrong with a mask's run lengths, before Kaggle refuses them without a word.

``start length start length ...`` with the first pixel numbered 1, as in the competitions *Understanding
Clouds from Satellite Images* (an empty text for an empty mask) and *Google Research - Identify
Contrails* (``-``). Starts rise, lengths are positive, no pixel is in two runs, and all lie in the image.
"""

from __future__ import annotations

__all__ = ["run_length_faults"]


def run_length_faults(text: str, shape: tuple[int, int], empty: str = "") -> list[str]:
    """What is wrong with one mask's text, a sentence each; none for a sound one.

    text: of one row of a submission; shape: (height, width) of the mask, pixels; empty: how an empty
    mask is written

    >>> run_length_faults("1 3 5 3", (2, 3))
    ['the run 5 3 is beyond the last pixel, 6']
    >>> run_length_faults("1 3 3 2 2", (2, 3))
    ['5 numbers, expected pairs of start and length: 2 has no length']
    """
    if text == empty:
        return []
    words = text.split()
    if not words:
        return [f"an empty mask is {text!r}, expected {empty!r}"]
    if len(words) % 2:
        return [f"{len(words)} numbers, expected pairs of start and length: {words[-1]} has no length"]
    for run in zip(words[::2], words[1::2], strict=True):
        wrong = [word for word in run if not (word.isascii() and word.isdigit())]
        if wrong:
            return [f"the run {' '.join(run)} holds {wrong[0]!r}, expected whole numbers of 0 or more"]
    numbers = list(map(int, words))
    return _run_faults(list(zip(numbers[::2], numbers[1::2], strict=True)), shape[0] * shape[1])


def _run_faults(runs: list[tuple[int, int]], n_pixels: int) -> list[str]:
    """The first run of each kind of fault."""
    found: dict[str, str] = {}
    end = 0  # last pixel of the runs so far
    before = (0, 0)
    for start, length in runs:
        run = f"the run {start} {length}"
        if length == 0:
            found.setdefault("empty", f"{run} is empty")
        if start == 0:
            found.setdefault("zero", f"{run} starts at pixel 0, the first is 1")
        elif start < before[0]:
            found.setdefault("order", f"{run} comes after one that starts at {before[0]}, expected rising starts")
        elif start <= end:
            found.setdefault("overlap", f"{run} overlaps the run {before[0]} {before[1]}")
        if start + length - 1 > n_pixels:
            found.setdefault("range", f"{run} is beyond the last pixel, {n_pixels}")
        end, before = max(end, start + length - 1), (start, length)
    return list(found.values())
