"""One kernel on Kaggle: what it shows of it, sent, its log and its outputs.

What the service says is read from its answer, not from an exit code: a push may be refused with a
200, and it is accepted and run even when some of its sources were rejected.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from kaggle_utils.platform.client.calls import KaggleFailure, all_rows, ask, request, requests
from kaggle_utils.platform.client.once import just_now
from kaggle_utils.platform.kernels import metadata
from kaggle_utils.platform.push.mark import Mark, read
from kaggle_utils.platform.push.stamping import Made

_SERVICE, _SOURCE, _STATE = "kernels.KernelsApiService", "GetKernel", "GetKernelSessionStatus"
SAVED = "NEW_SCRIPT"  # the state of a version that was never run
_AGAIN_S = (2.0, 10.0, 30.0)  # pauses before a download is tried again
_BUSY = re.compile(r"session count of \d+ reached")  # "Maximum batch GPU session count of 2 reached."
_NO_TIME = re.compile(r"no time was left to train [^:\\]+")  # what a training prints of models it did not begin


@dataclass(frozen=True)
class Version:
    """The latest version of a kernel (owner/slug) as Kaggle shows it.

    version: its number, 0 where it has none yet or changed while it was looked at
    state: of its session, in Kaggle's words; message: why that failed
    mark: what its source says of itself; lacks: what that reads and Kaggle did not attach
    """

    kernel: str
    version: int
    state: str = "QUEUED"
    message: str = ""
    mark: Mark | None = None
    lacks: tuple[str, ...] = ()

    @property
    def url(self) -> str:
        """Its page."""
        return f"https://www.kaggle.com/code/{self.kernel}"

    @property
    def complete(self) -> bool:
        """Whether its session has ended well."""
        return self.state == "COMPLETE"

    @property
    def failed(self) -> bool:
        """Whether its session has ended badly."""
        return self.state in ("ERROR", "CANCEL_ACKNOWLEDGED")

    @property
    def over(self) -> bool:
        """Whether its session has ended."""
        return self.complete or self.failed

    def __str__(self) -> str:
        """As messages name it.

        >>> str(Version("me/reef-1-eda", 3))
        'me/reef-1-eda version 3'
        """
        return f"{self.kernel} version {self.version}"


def look(kernels: Sequence[str]) -> dict[str, Version | None]:
    """What Kaggle shows of each kernel (owner/slug); None for one that is not there. Raises KaggleFailure.

    A state names no version, so it counts only where the version was the same before and after, and that a session has
    ended only where it cannot be the one before: not right after a new version was sent.
    """
    answers = requests([(f"{_SERVICE}/{name}", _named(kernel)) for kernel in kernels for name in (_SOURCE, _STATE, _SOURCE)])
    return {kernel: _version(kernel, *answers[3 * n : 3 * n + 3]) for n, kernel in enumerate(kernels)}


def _named(kernel: str) -> dict[str, str]:
    return dict(zip(("userName", "kernelSlug"), kernel.split("/"), strict=True))


def _version(kernel: str, *answers: dict | KaggleFailure) -> Version | None:
    first, status, last = map(there, answers)
    if first is None and last is None:
        if status is not None:
            raise KaggleFailure("unshown", f"{kernel}: Kaggle tells the state of its session and shows no kernel")
        return None
    try:
        metadata, before = (last or first)["metadata"], (first or {"metadata": {}})["metadata"]
        number = metadata.get("currentVersionNumber", 0)
        mark = read((last or first)["blob"]["source"]) if number else None
    except KeyError as error:
        raise KaggleFailure("unreachable", f"{kernel}: what came is no answer of Kaggle's, it has no {error}") from None
    same = last is not None and number == before.get("currentVersionNumber", 0)
    return Version(kernel, number * same, *_state(status, mark, number), mark, _lacking(mark, metadata))


def _state(status: dict | None, mark: Mark | None, number: int) -> tuple[str, str]:
    """State and message of a version's session, as far as they cannot be those of the session before it."""
    if not mark.run if mark else status is None:
        return SAVED, ""
    state, message = (status or {}).get("status", "QUEUED"), (status or {}).get("failureMessage") or ""
    begun = state in ("QUEUED", "RUNNING") or number == 1 or mark is None
    return (state, message) if begun or not just_now(datetime.fromisoformat(mark.sent).timestamp()) else ("QUEUED", "")


def _lacking(mark: Mark | None, metadata: dict) -> tuple[str, ...]:
    kinds = ("dataset", "kernel", "competition", "model")
    attached = {_slug(source) for kind in kinds for source in metadata.get(f"{kind}DataSources") or ()}
    return tuple(source for source in (mark.reads if mark and attached else ()) if _slug(source) not in attached)


def _slug(source: str) -> str:
    return source.lower().split("/")[:2][-1]  # without owner and version


def there(answer: dict | KaggleFailure) -> dict | None:
    """None where Kaggle says that there is no such thing, for which it also says 403."""
    if not isinstance(answer, KaggleFailure):
        return answer
    if answer.status in (403, 404):
        return None
    raise answer


def mine() -> list[str]:
    """All kernels of the account, the private ones as well."""
    how = dict.fromkeys(("language", "kernelType", "outputType"), "all") | {"group": "PROFILE", "sortBy": "DATE_CREATED"}
    return [row["ref"].lower() for row in all_rows(f"{_SERVICE}/ListKernels", "kernels", **how)]


def send(made: Made, mark: Mark, keep: Sequence[int] = ()) -> Version:
    """Pushes a kernel; Kaggle starts to run it, or only saves it if its mark says so.

    keep: see :func:`kaggle_utils.platform.client.calls.ask`. Raises KaggleFailure when Kaggle refuses, does
    not answer, or took the kernel without some of its sources.
    """
    try:
        return _sent(made.kernel, request(f"{_SERVICE}/SaveKernel", keep, **made.request(mark)), mark)
    except KaggleFailure as failure:
        told = "" if made.kernel in str(failure) else f"{made.kernel} was not pushed: "
        clash = "; another notebook of yours has this title, perhaps under an older slug: rename or delete it"
        raise KaggleFailure(failure.kind, f"{told}{failure}{clash * (failure.status == 409)}", failure.status) from None


def _sent(wanted: str, answer: dict, mark: Mark) -> Version:
    if answer.get("error"):
        kind = "busy" if _BUSY.search(answer["error"]) else "refused"
        raise KaggleFailure(kind, f"{wanted} was not pushed: Kaggle says {answer['error']!r}")
    if not answer.get("versionNumber"):
        raise KaggleFailure("unreachable", f"{wanted}: what came is no answer of Kaggle's")
    kernel = "/".join((answer.get("ref") or wanted).strip("/").split("/")[-2:])
    sent = Version(wanted, answer["versionNumber"], mark=mark)
    lost = {key.removeprefix("invalid"): answer[key] for key in sorted(answer) if key.endswith("Sources") and answer[key]}
    rejected = [f"{key.removesuffix('Sources').lower()}s {', '.join(sources)}" for key, sources in lost.items()]
    require_whole(replace(sent, lacks=tuple(rejected)))
    if kernel.lower() != wanted.lower():
        raise KaggleFailure("refused", f"Kaggle keeps {wanted} as {kernel}, where the next stage would not look: {sent.url}")
    return sent


def require_whole(version: Version) -> None:
    """KaggleFailure where Kaggle took it without some of its sources."""
    if version.lacks:
        what = f"{version} runs without some of its sources. Rejected: {'; '.join(version.lacks)}"
        how = f"make them or correct {metadata.FILE}, push with --again"
        raise KaggleFailure("sources", f"{what}. Stop it at {version.url}, {how}")


def why_it_failed(version: Version, lines: int = 30) -> str:
    """A sentence and the last lines of its log."""
    try:
        log = _log_text(request(f"{_SERVICE}/ListKernelSessionOutput", **_named(version.kernel)).get("log") or "")
    except KaggleFailure as failure:
        log = f"(no log: {failure})"
    message, tail = f": {version.message}" if version.message else "", "\n".join(log.splitlines()[-lines:])
    return f"{version} ended with {version.state}{message}. --again sends it once more. The end of its log:\n{tail}"


def _log_text(log: str) -> str:
    """The service keeps a log as a JSON list of pieces, ``{"stream_name", "time", "data"}``."""
    try:
        return "".join(piece["data"] for piece in json.loads(log))
    except (ValueError, KeyError, TypeError):
        return log


def download(version: Version, folder: Path, pattern: str | None = None, limit_hours: float = 6.0) -> None:
    """The outputs of a version and its log into a folder that is emptied before; pattern: that the wanted names match.

    Tried again where that may help. Raises KaggleFailure when a file does not come whole, and when they are of
    another version, which was made meanwhile.
    """
    for pause in (*_AGAIN_S, None):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        try:
            ask("outputs", 3600 * limit_hours, kernel=version.kernel, folder=str(folder), pattern=pattern)
            break
        except KaggleFailure as failure:
            if pause is None or not failure.passing:
                raise
            time.sleep(pause)
    now = request(f"{_SERVICE}/{_SOURCE}", **_named(version.kernel))["metadata"].get("currentVersionNumber", 0)
    if now != version.version:
        raise KaggleFailure("run", f"Kaggle has version {now} of {version.kernel} by now")


def work_left(version: Version) -> str:
    """What a complete version left undone for its session's end, in words; empty where it is all done.

    The trainings say so in ``run.json``, and in the log what they had no time to begin.
    """
    with tempfile.TemporaryDirectory(prefix="kaggle-run-") as name:
        folder = Path(name, "out")
        download(version, folder, r"^run\.json$")
        text = (folder / "run.json").read_text(encoding="utf-8") if (folder / "run.json").is_file() else ""
        logs = [_log_text(log.read_text(encoding="utf-8")) for log in folder.glob("*.log")]
    untouched = [found[0] for found in map(_NO_TIME.search, logs) if found]
    return ", ".join([*_stopped_jobs(text), *untouched])


def _stopped_jobs(run: str) -> list[str]:
    """Those of a run.json that another session goes on with.

    >>> _stopped_jobs('{"jobs": [{"member": "unet", "fold": 2, "stopped": "the deadline: 9 s"}]}')
    ['unet fold 2 (the deadline: 9 s)']
    """
    try:
        jobs = json.loads(run)["jobs"]
        return [f"{j['member']} fold {j['fold']} ({j['stopped']})" for j in jobs if j["stopped"].startswith("the deadline")]
    except (ValueError, TypeError, KeyError):  # of something else, or none
        return []
