"""The official kaggle client in a process of its own: one call in on stdin, one answer out on stdout.

The client authenticates at import, prints as it works, ends the process when it finds no
credentials and waits for the service without limit. Here none of that reaches the caller: what it
prints goes to stderr, and whatever happens, one JSON object is written: ``{"answer": ...}`` or
``{"failure": {"kind", "status", "text"}}``. Its Python methods are used rather than its command line,
since they give the whole answer (rejected models are never printed and a refused push exits with 0).
:mod:`kaggle_utils.platform.push.client` runs it by its name, with the working folder taken off the path.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
from collections.abc import Callable
from urllib.parse import unquote, urlsplit

from kaggle_utils.platform.push.client_datasets import put_dataset

_QUERY = re.compile(r"\?[^\s'\")>]*=[^\s'\")>]*")  # of an address; it may be signed, which is a credential
_TIMES_S = (30, 300)  # to connect, and between two pieces of a file


def main() -> None:
    """Reads ``{"call": name, "arguments": {...}}`` from stdin and writes the outcome to stdout."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the caller, too, who decides
    reply = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    order = json.load(sys.stdin)
    json.dump(outcome(order["call"], order["arguments"]), reply)
    reply.close()


def outcome(call: str, arguments: dict) -> dict:
    """What became of one of the :data:`CALLS`: ``{"answer": ...}`` or ``{"failure": {...}}``."""
    try:
        return {"answer": CALLS[call](_authenticated(), **arguments)}
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
    if http is not None:
        return _failure("refused", http.response.status_code, str(http))
    if isinstance(error, (requests.exceptions.RequestException, ConnectionError)):
        return _failure("unreachable", 0, _without_secrets(str(error)))
    return _failure("client", 0, f"{type(error).__name__}: {error}")


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


def _push(api, folder: str) -> dict:
    return api.kernels_push(folder).to_dict()


def _status(api, kernels: list[str]) -> dict[str, list[str]]:
    """kernel -> its status and failure message."""
    answers = {kernel: api.kernels_status(kernel) for kernel in kernels}
    return {kernel: [answer.status.name, answer.failure_message] for kernel, answer in answers.items()}


def _log(api, kernel: str) -> str:
    return api.kernels_logs(kernel)


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


def _submit(api, competition: str, kernel: str, version: int, file: str, message: str) -> dict:
    return api.competition_submit_code(file, message, competition, kernel, version, quiet=True).to_dict()


def _submit_file(api, competition: str, path: str, message: str) -> dict:
    """Uploads a table; the client answers that the upload failed in the words of a success."""
    answer = api.competition_submit(path, message, competition, quiet=True).to_dict()
    if answer.get("message") == api.COMPETITION_SUBMIT_UPLOAD_FAILED_MESSAGE:
        raise ConnectionError(f"{path} did not arrive whole: {answer['message']}")
    return answer


def _allowance(api, competition: str) -> int:
    return api.competition_get_submission_limits(competition).num_allowed_now


def _leaderboard(api, competition: str) -> list[str]:
    """Every team's score, the best first: of the private leaderboard once there is one. The client shows one page."""
    from kagglesdk.competitions.types.competition_api_service import ApiGetLeaderboardRequest

    request, scores = ApiGetLeaderboardRequest(), []
    request.competition_name, request.page_size = competition, 200
    with api.build_kaggle_client() as kaggle:
        while True:
            page = kaggle.competitions.competition_api_client.get_leaderboard(request)
            scores += [row.score for row in page.submissions]
            if not page.next_page_token or not page.submissions:
                return scores
            request.page_token = page.next_page_token


def _gpu_hours_left(api) -> float | None:
    quota = api.quota_view().gpu_quota
    return quota and (quota.total_time_allowed - quota.time_used).total_seconds() / 3600


CALLS: dict[str, Callable] = {
    "owner": _owner,
    "push": _push,
    "status": _status,
    "log": _log,
    "outputs": _outputs,
    "submit": _submit,
    "submit_file": _submit_file,
    "allowance": _allowance,
    "leaderboard": _leaderboard,
    "gpu_hours_left": _gpu_hours_left,
    "put_dataset": put_dataset,
}

if __name__ == "__main__":
    main()
