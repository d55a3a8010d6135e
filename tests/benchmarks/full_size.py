"""Deciding at the competitions' full size: seconds, seconds of the processor and memory of each step.

Run as ``python -m tests.benchmarks.full_size``; ``--images 500 --frames 2000`` for a quick look, 0 leaves a competition out.
Clouds writes prediction stores of smooth random fields, 33 GB for 5,546 images in eight sets, to a temporary folder
(``--folder`` says on which disk) and removes them in the end. Memory is the largest RssAnon seen in the step, every
20 ms: what the process holds itself, without the files it has mapped. On a machine that does other things, too, the
seconds of the processor say what a quiet one would need.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kaggle_utils.competitions import clouds

from . import full_size_boxes, full_size_masks

FRAMES = 23_501  # of reef's train.csv
_MASKS, _BOXES = (900, 1000), (300, None)  # aims: s, MB


def main(arguments: list[str] | None = None) -> None:
    """Prints a Markdown table of the steps of each competition."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.full_size", description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=clouds.TRAIN_IMAGES, help="of clouds (default: all 5,546)")
    parser.add_argument("--frames", type=int, default=FRAMES, help="of reef (default: all 23,501)")
    parser.add_argument("--folder", help="where the stores are written for the time of the run")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        if given.images:
            _told("clouds, 4 members x 2 views", full_size_masks.steps(Path(folder), given.images), _MASKS)
    if given.frames:
        _told("reef, 4 members x 2 views", full_size_boxes.steps(given.frames), _BOXES)


@dataclass
class Step:
    """One row: what is done; counts: whether its time belongs to deciding."""

    title: str
    call: Callable[[], Any]
    counts: bool = True


def _told(title: str, steps: Iterator[Step], aims: tuple[float, float | None]) -> None:
    """Runs and prints the steps; each is sent what its call gave."""
    print(f"\n{title}\n\n| step | seconds | of the processor | RssAnon, MB |\n|---|---|---|---|", flush=True)
    total, peak, answer = [0.0, 0.0], 0.0, None
    with_answers = iter(steps)
    while True:
        try:
            step = with_answers.send(answer)
        except StopIteration:
            break
        answer, spent, highest = _measured(step.call)
        print(f"| {step.title} | {spent[0]:.1f} | {spent[1]:.1f} | {highest:.0f} |", flush=True)
        peak = max(peak, highest)
        total = [whole + own * step.counts for whole, own in zip(total, spent, strict=True)]
    print(f"\nDecided in {total[0]:.0f} s ({total[1]:.0f} s of the processor); aim {aims[0]} s on two quiet cores.")
    print(f"Peak {peak:.0f} MB{'' if aims[1] is None else f', aim {aims[1]} MB'}.")


def _measured(step: Callable[[], Any]) -> tuple[Any, tuple[float, float], float]:
    """(answer, (seconds, seconds of the processor), MB) of a call."""
    with _watched() as peak:
        start, before = time.perf_counter(), sum(os.times()[:2])
        answer = step()
        return answer, (time.perf_counter() - start, sum(os.times()[:2]) - before), max(peak) / 1e3


@contextmanager
def _watched() -> Iterator[list[float]]:
    """A list that grows by the process's own memory in kB every 20 ms."""
    seen, done = [_anonymous()], threading.Event()

    def watch() -> None:
        while not done.wait(0.02):
            seen.append(_anonymous())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield seen
    finally:
        done.set()
        watcher.join()


def _anonymous() -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return float(next(line.split()[1] for line in lines if line.startswith("RssAnon")))


if __name__ == "__main__":
    main()
