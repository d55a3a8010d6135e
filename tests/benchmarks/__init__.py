"""Benchmarks: what this kit's fast paths are worth beside their peers, as ratios.

``python -m tests.benchmarks`` runs every job, ``--only f2`` those whose function or file name holds
that text, ``--json`` prints numbers instead of a Markdown table, ``--rounds 9`` measures longer. A
missed target is said in the table; it is no error, because the same code on a busy machine may miss
it.

To add jobs, write ``bench_<topic>.py`` in this folder; it is found by its name. In it a function
marked with :func:`job` makes the inputs and returns a :class:`Job`; nothing runs before that::

    from kaggle_utils.boxes.fusion import soft_nms

    from . import Job, Peer, job

    @job
    def soft_nms_of_5_models() -> Job:
        models = some_models()                                       # the inputs, made once, not timed

        def ensemble_boxes():                                        # imports the peer, not timed
            from ensemble_boxes import soft_nms as theirs
            return lambda: theirs(*models)                           # this is timed

        return Job(
            title="Soft-NMS, 5 models x 50 boxes x 200 frames",
            ours=lambda: soft_nms(models),                           # this is timed
            peers=[Peer("ensemble_boxes", ensemble_boxes, needs=("ensemble_boxes",), target=30, same=close)],
            first_call=first_call,                                   # a function of the module, see Job
        )

Each candidate runs once unmeasured (compilation, caches) and the answers are compared, so a fast
wrong answer is told; then rounds follow in which ours and a peer run one after the other, each for
at least a fifth of a second, and the ratio is the median of the rounds' ratios: what slows the
machine slows both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

__all__ = ["Peer", "Job", "job", "JOBS"]


@dataclass(frozen=True)
class Peer:
    """Another way to do the job.

    name: as the table shows it
    make: imports what it needs, prepares its own inputs and returns the call that is timed
    needs: modules that must be importable; where one is missing the table says so
    target: ours should be at least so many times as fast; None where the row only informs
    same: (our answer, the peer's) -> True where they agree; None where answers cannot be compared
    rounds: rounds for this peer where that should differ (few for a peer that takes seconds)
    """

    name: str
    make: Callable[[], Callable[[], object]]
    needs: tuple[str, ...] = ()
    target: float | None = None
    same: Callable[[object, object], bool] | None = None
    rounds: int | None = None


@dataclass(frozen=True)
class Job:
    """One job with its candidates.

    title: what is done, with the sizes that matter
    ours: the call that is timed
    peers: whom it is compared with
    first_call: a function without arguments, defined at the top level of its module, that uses the
        compiled kernels once on tiny inputs; it is timed in a fresh process, with nothing compiled
        and again with what the first run left in the cache
    """

    title: str
    ours: Callable[[], object]
    peers: Sequence[Peer]
    first_call: Callable[[], object] | None = None


JOBS: list[Callable[[], Job]] = []


def job(make: Callable[[], Job]) -> Callable[[], Job]:
    """Registers a function that makes a :class:`Job`; its name is what ``--only`` looks for."""
    JOBS.append(make)
    return make
