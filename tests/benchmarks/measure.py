"""Times one job: equality first, then interleaved rounds, then the first call of the kernels."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

from . import Job, Peer

__all__ = ["rows_of", "first_call_seconds", "numba_import_seconds"]

_ROOT = Path(__file__).resolve().parents[2]
_AT_LEAST = 0.2
_ONCE = "import time{imports}\nt = time.process_time()\n{call}\nprint(time.process_time() - t)"


def rows_of(job: Job, rounds: int) -> Iterator[dict]:
    """One dict a peer: job, peer, ours_ms, peer_ms, ratio, target, met, same, rounds; or missing.

    ratio is the median over the rounds of (peer's time / our time); missing names absent modules.
    """
    ours = job.ours()
    for peer in job.peers:
        row = {"job": job.title, "peer": peer.name, "target": peer.target}
        missing = [name for name in peer.needs if importlib.util.find_spec(name) is None]
        yield row | ({"missing": missing} if missing else _against(job.ours, ours, peer, rounds))


def _against(run: Callable[[], object], answer: object, peer: Peer, rounds: int) -> dict:
    theirs = peer.make()
    other_answer = theirs()
    same = None if peer.same is None else bool(peer.same(answer, other_answer))
    times = [(_seconds(run), _seconds(theirs)) for _ in range(peer.rounds or rounds)]
    ratio = median(other / our for our, other in times)
    return {
        "ours_ms": 1e3 * median(our for our, _ in times),
        "peer_ms": 1e3 * median(other for _, other in times),
        "ratio": ratio,
        "met": None if peer.target is None else ratio >= peer.target,
        "same": same,
        "rounds": len(times),
    }


def _seconds(run: Callable[[], object]) -> float:
    """Seconds a call, the mean over as many as fit in a fifth of a second: a short one must not get by
    between two interruptions that a long one has to sit through."""
    start, calls = time.perf_counter(), 0
    while not calls or time.perf_counter() - start < _AT_LEAST:
        run()
        calls += 1
    return (time.perf_counter() - start) / calls


def first_call_seconds(function: Callable[[], object]) -> tuple[float, float]:
    """Seconds of the processor for a function's first call in a fresh process: with an empty cache, with a filled one.

    Compiling is done by one thread, so on a machine that does nothing else they are those on the clock. The
    import of its module and of numba is not counted (see :func:`numba_import_seconds`).
    """
    module, name = function.__module__, function.__qualname__
    with tempfile.TemporaryDirectory() as cache:
        code = _ONCE.format(imports=f", numba\nfrom {module} import {name}", call=f"{name}()")
        first, second = (_fresh_process(code, cache) for _ in range(2))
    return first, second


def numba_import_seconds() -> float:
    """Seconds of the processor that ``import numba`` takes in a fresh process."""
    return _fresh_process(_ONCE.format(imports="", call="import numba"), "")


def _fresh_process(code: str, cache: str) -> float:
    environment = os.environ | ({"NUMBA_CACHE_DIR": cache} if cache else {})
    done = subprocess.run([sys.executable, "-c", code], cwd=_ROOT, env=environment, check=True, capture_output=True, text=True)
    return float(done.stdout.split()[-1])
