"""A stand-in for Kaggle's web service, on the loopback interface, for tests with the real client.

It implements the calls that the kit's pushes use: saving a kernel, its latest source and version, its status,
outputs and log, the list of kernels, a code submission, their list and the day's allowance, creating and
versioning a dataset with its uploads. It knows which sources exist and rejects the others as Kaggle does: with
a 200 answer. A test scripts what shall go wrong (``fail``, ``die``, ``show``, ``late``, ``lag``) and how a session
proceeds (``sessions``, ``script``), and afterwards reads ``calls``, the list of what arrived.

    with KaggleServer() as server:
        environment = server.environment(tmp_path)      # for subprocess.run(["kaggle", ...], env=environment)
        server.sessions["me/reef-2-train"] = ["QUEUED", "RUNNING", "COMPLETE"]
"""

from __future__ import annotations

import base64
import itertools
import os
import re
import threading
from collections import defaultdict
from http.server import ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

from kaggle_http import Handler, Page, Refusal, Silence

USER, KEY = "me", "k3y-that-must-never-be-shown"
SOURCES = [f"{kind}DataSources" for kind in ("dataset", "kernel", "competition", "model")]
PAGE = 20  # files in one answer of ListKernelSessionOutput

SITE = '''
"""Points the kaggle client at the test's server and lets it connect to nothing else."""
import socket

ENDPOINT = {endpoint!r}
if not ENDPOINT.startswith("http://127.0.0.1:"):
    raise SystemExit("tests talk to 127.0.0.1 only, not to " + ENDPOINT)

_connect = socket.socket.connect

def _loopback_only(self, address):
    if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in ("127.0.0.1", "::1", "localhost"):
        raise ConnectionRefusedError("tests may not connect to %s" % (address,))
    return _connect(self, address)

socket.socket.connect = _loopback_only
try:
    from kagglesdk import kaggle_env
    kaggle_env._env_to_endpoint = dict.fromkeys(kaggle_env._env_to_endpoint, ENDPOINT)
except ImportError:
    pass
'''


class KaggleServer:
    """The service's state, its calls and the HTTP server around them; a context manager."""

    def __init__(self, user: str = USER, key: str = KEY) -> None:
        self.user, self.key = user, key
        self.competitions = {"tensorflow-great-barrier-reef"}
        self.models: set[str] = set()
        self.datasets: dict[str, list[dict[str, bytes]]] = {}  # owner/slug -> the files of each version
        self.dataset_settings: dict[str, dict] = {}  # owner/slug -> the CreateDataset request
        self.kernels: dict[str, list[dict]] = {}  # owner/slug -> the SaveKernel request of each version
        self.sessions: dict[str, list[str]] = defaultdict(lambda: ["COMPLETE"])  # the last status stays
        self.script: list[str] = []  # what a new version's session goes through, where `sessions` is not to say
        self.late = 0  # so many looks do not show a kernel's newest version, or the newest submission, yet
        self.lag = 0  # so many answers tell the state of the session before it, where there was one
        self.failures: dict[str, str] = {}  # owner/slug -> the failure message of a status
        self.outputs: dict[str, dict[str, bytes]] = defaultdict(dict)
        self.signature = ""  # the query of the addresses of outputs
        self.logs: dict[str, str] = {}
        self.submissions: list[dict] = []
        self.allowed_today = 5
        self.board: list[str] = []  # scores of the teams, the best first
        self.push_error = ""  # a 200 answer that carries this error
        self.rooms = 99  # sessions with a GPU at a time
        self.calls: list[tuple[str, dict]] = []
        self._trouble: dict[str, list[Exception]] = defaultdict(list)
        self._blobs: dict[str, dict] = {}
        self._numbers = itertools.count(1)
        self._unshown: dict[str, int] = {}
        self._lost: dict[tuple[str, int], dict[str, list[str]]] = {}  # the sources that a version was rejected
        self._before: dict[str, list[str]] = {}  # owner/slug -> what is told while the state lags
        self._one_at_a_time = threading.Lock()

    def __enter__(self) -> KaggleServer:
        handler = type("Handler", (Handler,), {"service": self})
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._http.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self._http.server_address[1]}"
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()

    def environment(self, folder: Path, key: str | None = None) -> dict[str, str]:
        """Environment variables under which the kaggle client, run as a process, talks to this server.

        folder: an empty temporary one for the client's home. key: another API key than the right one.
        """
        site, home = folder / "site", folder / "home"
        site.mkdir(parents=True, exist_ok=True)
        home.mkdir(exist_ok=True)
        (site / "sitecustomize.py").write_text(SITE.format(endpoint=self.endpoint))
        kept = {name: value for name, value in os.environ.items() if not re.match(r"KAGGLE_|\w*_PROXY$", name, re.I)}
        return kept | {
            "PYTHONPATH": os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH")])),
            "HOME": str(home),
            "KAGGLE_CONFIG_DIR": str(home / "kaggle"),
            "KAGGLE_API_ENVIRONMENT": "LOCALHOST",
            "KAGGLE_USERNAME": self.user,
            "KAGGLE_KEY": self.key if key is None else key,
        }

    def fail(self, call: str, status: int, message: str = "refused", times: int = 1) -> None:
        """The next answers to `call` are HTTP errors; `call` is a name such as SaveKernel, PUT or GET."""
        self._trouble[call] += [Refusal(status, message)] * times

    def die(self, call: str, times: int = 1) -> None:
        """The next answers to `call` do not come: the connection is cut after the request was read."""
        self._trouble[call] += [Silence()] * times

    def show(
        self, call: str, text: str = "<html>Sign in</html>", status: int = 200, times: int = 1, kind: str = "text/html"
    ) -> None:
        """The next answers to `call` are a page of a proxy."""
        self._trouble[call] += [Page(status, text, kind)] * times

    def names(self) -> list[str]:
        """The calls that arrived, in order, by name."""
        return [name for name, _ in self.calls]

    def answer(self, call: str, request: dict, credentials: str) -> dict:
        """The JSON answer to one call; raises Refusal, Page or Silence."""
        with self._one_at_a_time:
            return self._answered(call, request, credentials)

    def _answered(self, call: str, request: dict, credentials: str) -> dict:
        self.calls.append((call, request))
        self.stumble(call)
        if credentials != base64.b64encode(f"{self.user}:{self.key}".encode()).decode():
            raise Refusal(401, "Unauthenticated")
        method = getattr(self, f"_{call}", None)
        if method is None:
            raise Refusal(501, f"the test server has no {call}")
        return method(request)

    def stumble(self, call: str) -> None:
        """Raises the trouble scripted for this call, if any."""
        if self._trouble[call]:
            raise self._trouble[call].pop(0)

    # kernels

    def _SaveKernel(self, request: dict) -> dict:
        if self.push_error:
            return {"error": self.push_error}
        ref = f"{request['slug'].split('/')[0]}/{_slug(request.get('newTitle') or request['slug'].split('/')[1])}"
        if ref != request["slug"] and ref in self.kernels:
            raise Refusal(409, f"Notebook title '{request['newTitle']}' is already in use by another notebook")
        quick = request.get("kernelExecutionType") == "QUICK_SAVE"
        if not quick and request.get("enableGpu") and sum(map(self._runs, self.kernels)) >= self.rooms:
            return {"error": f"Maximum batch GPU session count of {self.rooms} reached."}
        versions = self.kernels.setdefault(ref, [])
        self._before[ref] = [self.sessions[ref][-1]] * self.lag * bool(versions)
        versions.append(request)
        self._unshown[ref] = self.late
        if self.script and not quick:
            self.sessions[ref] = [*self.script]
        url = f"https://www.kaggle.com/code/{ref}"
        self._lost[ref, len(versions)] = self._rejected(request)
        return {"ref": f"/code/{ref}", "url": url, "versionNumber": len(versions)} | self._rejected(request)

    def _rejected(self, request: dict) -> dict:
        known = {
            "Dataset": self.datasets,
            "Competition": self.competitions,
            "Kernel": self.kernels,
            "Model": self.models,
        }
        return {
            f"invalid{kind}Sources": [s for s in request.get(f"{kind.lower()}DataSources", []) if s not in there]
            for kind, there in known.items()
        }

    def _runs(self, ref: str) -> bool:
        """Whether a session with a GPU goes on; looking at it lets it proceed, as asking for its status does."""
        return bool(self.kernels[ref][-1].get("enableGpu")) and self._proceed(ref) in ("QUEUED", "RUNNING")

    def _proceed(self, ref: str) -> str:
        script = self.sessions[ref]
        return script.pop(0) if len(script) > 1 else script[0]

    def _GetKernel(self, request: dict) -> dict:
        ref = self._kernel(request)
        number = len(self.kernels[ref]) - (self._unshown.get(ref, 0) > 0)
        self._unshown[ref] = max(0, self._unshown.get(ref, 0) - 1)
        if not number:
            raise Refusal(404, "Not found")
        saved = self.kernels[ref][number - 1]
        blob = {"source": saved.get("text", ""), "language": "python", "kernelType": "notebook", "slug": ref.split("/")[1]}
        lost = [source for rejected in self._lost.get((ref, number), {}).values() for source in rejected]
        kept = {key: [source for source in saved.get(key, []) if source not in lost] for key in SOURCES}
        return {"metadata": {"ref": ref, "currentVersionNumber": number} | kept, "blob": blob}

    def _ListKernels(self, request: dict) -> dict:
        return self._page("kernels", [{"ref": ref, "title": ref} for ref in sorted(self.kernels)], request)

    def _page(self, name: str, rows: list[dict], request: dict) -> dict:
        start = int(request.get("pageToken") or PAGE * (request.get("page", 1) - 1))
        token = str(start + PAGE) if start + PAGE < len(rows) else ""
        return {name: rows[start : start + PAGE], "nextPageToken": token}

    def _GetKernelSessionStatus(self, request: dict) -> dict:
        ref = self._kernel(request)
        if all(saved.get("kernelExecutionType") == "QUICK_SAVE" for saved in self.kernels[ref]):
            raise Refusal(404, "Not found")
        if self._before.get(ref):
            return {"status": self._before[ref].pop()}
        return {"status": self._proceed(ref), "failureMessage": self.failures.get(ref)}

    def _ListKernelSessionOutput(self, request: dict) -> dict:
        ref = self._kernel(request)
        names = sorted(self.outputs[ref])
        start = int(request.get("pageToken") or 0)
        url = f"{self.endpoint}/files/{{}}{self.signature}"
        files = [{"fileName": n, "url": url.format(quote(f"{ref}/{n}"))} for n in names[start : start + PAGE]]
        token = str(start + PAGE) if start + PAGE < len(names) else ""
        return {"files": files, "log": self.logs.get(ref, "[]"), "nextPageToken": token}

    def _kernel(self, request: dict) -> str:
        ref = f"{request['userName']}/{request['kernelSlug']}"
        if ref not in self.kernels:
            raise Refusal(403, "Permission 'kernels.get' was denied")
        return ref

    # submissions

    def _CreateCodeSubmission(self, request: dict) -> dict:
        if self.allowed_today < 1:
            raise Refusal(400, "Submission not allowed: your team has used its submissions for today")
        self.allowed_today -= 1
        self.submissions.append(request)
        self._unshown["submissions"] = self.late
        message = f"Successfully submitted to {request['competitionName']}"
        return {"message": message, "ref": 4000 + len(self.submissions)}

    def _ListSubmissions(self, request: dict) -> dict:
        rows = [
            {
                "ref": 4000 + n,
                "description": sent.get("submissionDescription"),
                "status": "PENDING",
                "date": "2026-11-21T20:00:00Z",
            }
            for n, sent in enumerate(self.submissions)
            if sent["competitionName"] == request["competitionName"]
        ]
        hidden = bool(rows) and self._unshown.get("submissions", 0) > 0
        self._unshown["submissions"] = max(0, self._unshown.get("submissions", 0) - 1)
        return self._page("submissions", rows[::-1][hidden:], request)

    def _StartSubmissionUpload(self, request: dict) -> dict:
        token = f"blob{next(self._numbers)}"
        self._blobs[token] = {"name": request["fileName"], "length": int(request["contentLength"]), "body": b""}
        return {"token": token, "createUrl": f"{self.endpoint}/upload/{token}"}

    def _CreateSubmission(self, request: dict) -> dict:
        return self._CreateCodeSubmission(request | {"content": self._blobs[request["blobFileTokens"]]["body"]})

    def _GetLeaderboard(self, request: dict) -> dict:
        start = int(request.get("pageToken") or 0)
        end = start + min(request.get("pageSize") or PAGE, 50)
        rows = [{"teamId": start + row, "score": score} for row, score in enumerate(self.board[start:end])]
        return {"submissions": rows, "nextPageToken": str(end) if end < len(self.board) else ""}

    def _GetSubmissionLimits(self, request: dict) -> dict:
        done = len(self.submissions)
        return {"numToday": done, "numTotal": done, "numAllowedNow": self.allowed_today}

    # datasets

    def _GetDatasetStatus(self, request: dict) -> dict:
        if f"{request['ownerSlug']}/{request['datasetSlug']}" not in self.datasets:
            raise Refusal(404, "Not found")
        return {"status": "READY"}

    def _GetDataset(self, request: dict) -> dict:
        ref = f"{request['ownerSlug']}/{request['datasetSlug']}"
        if ref not in self.datasets:
            raise Refusal(403, "Permission 'datasets.get' was denied")
        return {"ref": ref, "currentVersionNumber": len(self.datasets[ref])}

    def _StartBlobUpload(self, request: dict) -> dict:
        token = f"blob{next(self._numbers)}"
        self._blobs[token] = {"name": request["name"], "length": int(request["contentLength"]), "body": b""}
        return {"token": token, "createUrl": f"{self.endpoint}/upload/{token}"}

    def upload(self, token: str, body: bytes) -> None:
        """What a PUT to a blob's createUrl stores; raises Refusal for an unknown blob or a wrong length."""
        self.calls.append(("PUT", {"name": self._blobs.get(token, {}).get("name"), "length": len(body)}))
        self.stumble("PUT")
        if token not in self._blobs or len(body) != self._blobs[token]["length"]:
            raise Refusal(400, f"no upload {token} of {len(body)} bytes was announced")
        self._blobs[token]["body"] = body

    def _CreateDataset(self, request: dict) -> dict:
        ref = f"{request['ownerSlug']}/{request['slug']}"
        if ref in self.datasets:
            return {"status": "error", "error": f"the slug {request['slug']} is already in use"}
        self.dataset_settings[ref] = request
        return self._store(ref, request["files"])

    def _CreateDatasetVersion(self, request: dict) -> dict:
        ref = f"{request['ownerSlug']}/{request['datasetSlug']}"
        if ref not in self.datasets:
            raise Refusal(404, "Not found")
        return self._store(ref, request["body"]["files"])

    def _store(self, ref: str, files: list[dict]) -> dict:
        blobs = [self._blobs[file["token"]] for file in files]
        self.datasets.setdefault(ref, []).append({blob["name"]: blob["body"] for blob in blobs})
        return {"ref": ref, "url": f"https://www.kaggle.com/datasets/{ref}", "status": "ok"}


def _slug(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
