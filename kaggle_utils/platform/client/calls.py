"""Calls to Kaggle through the official client, with a time limit and with failures that say what to do.

Each call runs the client in a process of its own (:mod:`kaggle_utils.platform.client.process`): it
can neither print (with VERBOSE set it prints credentials), nor end this process, nor wait for ever.
About half a second a call, which is nothing beside what is waited for.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from kaggle_utils.errors import KitError
from kaggle_utils.platform.runtime import CHECKOUT

_PROCESS = "kaggle_utils.platform.client.process"
_PAGE = 100  # rows of a list in one answer
_DATASET_LIMIT_S = 6 * 3600.0  # a torch for a P100 is 4 GB
_START = "import runpy, sys; sys.path[:] = filter(None, sys.path); runpy.run_module({!r}, run_name='__main__')"
_KEY = re.compile(r"KGAT_\w+|\b[0-9a-fA-F]{32,}\b")  # a token, a key of kaggle.json


class KaggleFailure(KitError):
    """A call that did not succeed.

    kind: ``missing`` (no client installed), ``credentials``, ``refused`` (by Kaggle), ``busy`` (no room for another
    session, or what is to be read is not there yet), ``unreachable`` (no answer, or none of Kaggle's, so it may or may
    not have arrived), ``unshown`` (Kaggle does not show yet what it was sent), ``sources`` (some of its sources are not
    there), ``run`` (a kernel ended badly), ``stopped`` (from the keyboard), ``client`` (the client itself gave up)
    status: HTTP status, 0 where there is none
    """

    def __init__(self, kind: str, text: str, status: int = 0) -> None:
        super().__init__(text)
        self.kind, self.status = kind, status

    @property
    def passing(self) -> bool:
        """Whether the same call may well succeed a little later."""
        return self.uncertain or self.kind == "unshown" or self.status == 429

    @property
    def uncertain(self) -> bool:
        """Whether Kaggle may have done what was asked all the same: no answer, or one of a gateway's."""
        return self.kind == "unreachable" or self.status >= 500


def ask(call: str, limit_s: float = 120.0, keep: Sequence[int] = (), **arguments: Any) -> Any:
    """The answer to one of the calls of :data:`kaggle_utils.platform.client.process.CALLS`.

    limit_s: seconds after which the client is stopped, and ends by itself where this process was killed
    keep: open files that it holds, and their locks with them, though this process be killed. Raises KaggleFailure.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-c", _START.format(_PROCESS)],  # without the folder here, where a kaggle.py may lie
            input=json.dumps({"call": call, "arguments": arguments, "limit_s": limit_s + 5}),
            env=_environment(),
            timeout=limit_s,
            pass_fds=keep,
            capture_output=True,
            text=True,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise KaggleFailure("unreachable", f"Kaggle did not answer the call {call!r} in {limit_s:g} s") from None
    return _read(call, done)


def request(name: str, keep: Sequence[int] = (), /, **message: Any) -> dict:
    """Kaggle's answer to one request, in JSON; name: of service and method. Raises KaggleFailure."""
    [answer] = requests([(name, message)], keep)
    if isinstance(answer, KaggleFailure):
        raise answer
    return answer


def requests(wanted: Sequence[tuple[str, dict]], keep: Sequence[int] = ()) -> list[dict | KaggleFailure]:
    """The answer to each (name, message), or how it failed; KaggleFailure when none could be asked."""
    outcomes = ask("requests", 110.0 + 10 * len(wanted), keep, requests=list(wanted)) if wanted else []
    return [_worded(**told["failure"]) if "failure" in told else told["answer"] for told in outcomes]


def all_rows(name: str, rows: str, **message: Any) -> Iterator[dict]:
    """All rows of a list: by tokens for the next page while they come, else by numbers until a page brings nothing new."""
    page: dict[str, Any] = {"page": 1}
    seen: list[dict] = []
    while True:
        answer = request(name, pageSize=_PAGE, **page, **message)
        new = [row for row in answer.get(rows) or [] if row not in seen]
        token = answer.get("nextPageToken")
        yield from new
        if not token and ("page" not in page or not new) or token and token == page.get("pageToken"):
            return
        seen += new
        page = {"pageToken": token} if token else {"page": page["page"] + 1}


def _environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [str(CHECKOUT), os.environ.get("PYTHONPATH")]))}


def _read(call: str, done: subprocess.CompletedProcess) -> Any:
    try:
        outcome = json.loads(done.stdout)
    except ValueError:
        text = f"the kaggle client ended with code {done.returncode} during the call {call!r}{_last_words(done.stderr)}"
        raise KaggleFailure("client" if done.returncode >= 0 else "unreachable", text) from None
    if "failure" in outcome:
        raise _worded(**outcome["failure"])
    return outcome["answer"]


def _last_words(text: str) -> str:
    """The last line of what a process said, with whatever may be a key blackened."""
    lines = text.strip().splitlines()
    return f": {_KEY.sub('***', lines[-1])}" if lines else ""


def _worded(kind: str, status: int, text: str) -> KaggleFailure:
    if kind == "missing":
        return KaggleFailure(kind, f"the kaggle client cannot be loaded ({text}): pip install --upgrade kaggle six")
    if kind == "credentials" or status == 401:
        advice = "make an API token in your Kaggle settings and put it where the kaggle client looks for it"
        return KaggleFailure("credentials", f"Kaggle does not know you ({text}): {advice}", status)
    if kind == "unreachable":
        return KaggleFailure(kind, f"no answer from Kaggle: {text}")
    if kind == "refused":
        return KaggleFailure(kind, f"Kaggle refuses (HTTP {status}): {text}", status)
    return KaggleFailure(kind, f"the kaggle client gave up: {text}")


def owner_name(given: str | None = None) -> str:
    """Whose kernels: the given name, else ``KAGGLE_USERNAME``, else whom the client's credentials name.

    In small letters, as Kaggle's addresses have it. Raises KaggleFailure when there are none.

    >>> owner_name("Me")
    'me'
    """
    found = given or os.environ.get("KAGGLE_USERNAME") or ask("owner")
    if not found:
        raise KaggleFailure("credentials", "the credentials carry no user name: give it with --owner")
    return found.lower()


def push_dataset(folder: Path, notes: str) -> str:
    """Uploads a folder (with its ``dataset-metadata.json``) as a private dataset; the dataset's address.

    A dataset that is there gets a new version with these notes. Raises KaggleFailure when Kaggle does
    not take it, cannot be reached, or a file did not arrive.
    """
    answer = ask("put_dataset", limit_s=_DATASET_LIMIT_S, folder=str(folder), notes=notes)
    if (answer["status"] or "").lower() != "ok":
        raise KaggleFailure("refused", f"Kaggle did not take the dataset: {answer['error'] or answer['status']}")
    return answer["url"]
