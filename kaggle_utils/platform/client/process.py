"""The official kaggle client in a process of its own: one call in on stdin, one answer out on stdout.

The client authenticates at import, prints as it works, ends the process when it finds no
credentials and waits for the service without limit. Here none of that reaches the caller: what it
prints goes to stderr, and whatever happens, one JSON object is written: ``{"answer": ...}`` or
``{"failure": {"kind", "status", "text"}}``. Its Python methods are used rather than its command line,
since they give the whole answer (rejected models are never printed and a refused push exits with 0).
:mod:`kaggle_utils.platform.client.calls` runs it by its name, with the working folder taken off the path.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
from collections.abc import Callable
from urllib.parse import unquote, urlsplit

from kaggle_utils.platform.client.datasets import put_dataset
from kaggle_utils.platform.signals import ENDING

_QUERY = re.compile(r"\?[^\s'\")>]*=[^\s'\")>]*")  # of an address; it may be signed, which is a credential
_TIMES_S = (30, 300)  # to connect, and between two pieces of a file


def main() -> None:
    """Reads ``{"call": name, "arguments": {...}, "limit_s": seconds}`` from stdin and writes the outcome to stdout."""
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)  # it reaches the caller, too, who decides
    reply = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    order = json.load(sys.stdin)
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, order["limit_s"])  # whoever should stop it may have been killed
    json.dump(outcome(order["call"], order["arguments"]), reply)
    reply.close()


def outcome(call: str, arguments: dict) -> dict:
    """What became of one of the :data:`CALLS`: ``{"answer": ...}`` or ``{"failure": {...}}``."""
    return _tried(lambda: CALLS[call](_authenticated(), **arguments))


def _tried(call: Callable) -> dict:
    try:
        return {"answer": call()}
    except ImportError as error:
        return _failure("missing", 0, str(error))
    except SystemExit:
        return _failure("credentials", 0, "no credentials found")
    except Exception as error:
        return _classified(error)


def _authenticated():
    from kaggle import __version__, api

    if not hasattr(api, "competition_get_submission_limits"):  # the oldest also fetch only 20 outputs
        raise ImportError(f"kaggle {__version__} is too old, 2.2.4 is needed")
    if not getattr(api, "_authenticated", False):
        api.authenticate()
    return api


def _classified(error: Exception) -> dict:
    """The client turns some HTTP errors into ValueError; their cause still has the status."""
    import requests

    http = next((e for e in (error, error.__context__) if isinstance(e, requests.exceptions.HTTPError)), None)
    if http is not None and not _is_page(http.response):
        return _failure("refused", http.response.status_code, str(http))
    if http is not None or isinstance(error, (json.JSONDecodeError, TypeError)):
        status = f" (HTTP {http.response.status_code})" if http is not None else ""
        return _failure("unreachable", 0, f"what came is a page{status} and not Kaggle's JSON: is there a proxy?")
    if isinstance(error, (requests.exceptions.RequestException, ConnectionError)):
        return _failure("unreachable", 0, str(error))
    return _failure("client", 0, f"{type(error).__name__}: {error}")


def _is_page(response) -> bool:
    """A gateway's answer, perhaps a proxy's at home: Kaggle refuses in JSON, and its storage of files in XML."""
    return not re.search("json|/xml", response.headers.get("Content-Type", ""))


def _failure(kind: str, status: int, text: str) -> dict:
    return {"failure": {"kind": kind, "status": status, "text": _without_secrets(text)}}


def _without_secrets(text: str) -> str:
    api = getattr(sys.modules.get("kaggle"), "api", None)
    values = getattr(api, "config_values", {})
    for secret in (values.get("key"), values.get("token"), os.environ.get("KAGGLE_API_TOKEN")):
        text = text.replace(secret, "***") if secret else text
    return _QUERY.sub("?***", text)


def _owner(api) -> str | None:
    return api.config_values.get("username")


class _Json:
    """A message of the service as it is, where the SDK has a class for each."""

    def __init__(self, content: dict) -> None:
        self.content = content

    def to_dict(self) -> dict:
        return self.content

    @staticmethod
    def prepare_from(response) -> dict:
        content = response.json()
        if not isinstance(content, dict):
            raise TypeError(f"{content!r} is no message")
        return content


def _requests(api, requests: list) -> list[dict]:
    """Outcomes of requests one after another, each a service's name and the message in JSON."""
    with api.build_kaggle_client() as kaggle:
        return [_tried(lambda: kaggle._http_client.call(*n.split("/"), _Json(m), _Json)) for n, m in requests]  # noqa: B023


def _outputs(api, kernel: str, folder: str, pattern: str | None) -> None:
    """Downloads into the folder; the client would save an error page as the file it stands for.

    The addresses of files carry credentials, so a failure tells the file's name alone.
    """
    import requests

    def checked(url: str, **named):
        file = unquote(urlsplit(url).path.rpartition("/")[2])
        try:
            response = fetch(url, timeout=_TIMES_S, **named)
            response.raise_for_status()
            _ = response.content  # all of it has come
        except requests.exceptions.HTTPError as error:
            raise requests.exceptions.HTTPError(f"the file {file} is not given", response=error.response) from None
        except requests.exceptions.RequestException as error:
            raise ConnectionError(f"the file {file} did not come whole: {type(error).__name__}") from None
        return response

    fetch, requests.get = requests.get, checked
    try:
        api.kernels_output(kernel, folder, file_pattern=pattern, force=True)
    finally:
        requests.get = fetch


def _submit_file(api, competition: str, path: str, message: str) -> dict:
    """Uploads a table; the client answers that the upload failed in the words of a success."""
    answer = api.competition_submit(path, message, competition, quiet=True).to_dict()
    if answer.get("message") == api.COMPETITION_SUBMIT_UPLOAD_FAILED_MESSAGE:
        raise ConnectionError(f"{path} did not arrive whole: {answer['message']}")
    return answer


def _gpu_hours_left(api) -> float | None:
    quota = api.quota_view().gpu_quota
    return quota and (quota.total_time_allowed - quota.time_used).total_seconds() / 3600


CALLS: dict[str, Callable] = {
    "owner": _owner,
    "requests": _requests,
    "outputs": _outputs,
    "submit_file": _submit_file,
    "gpu_hours_left": _gpu_hours_left,
    "put_dataset": put_dataset,
}

if __name__ == "__main__":
    main()
