"""The HTTP of the loopback server: requests in, calls of the service, JSON or files out."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from typing import Protocol
from urllib.parse import unquote


class Refusal(Exception):
    """An answer with an HTTP error."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Page(Refusal):
    """An answer that is no JSON: a proxy's, a login's."""

    def __init__(self, status: int, text: str, kind: str = "text/html") -> None:
        super().__init__(status, text)
        self.kind = kind


class Silence(Exception):
    """The connection is cut without an answer."""


class Service(Protocol):
    """What answers the requests."""

    calls: list[tuple[str, dict]]
    outputs: dict[str, dict[str, bytes]]

    def answer(self, call: str, request: dict, credentials: str) -> dict: ...
    def upload(self, token: str, body: bytes) -> None: ...
    def stumble(self, call: str) -> None: ...


class Handler(BaseHTTPRequestHandler):
    """HTTP in, a call of the service, HTTP out."""

    service: Service

    def log_message(self, *_: object) -> None:
        pass

    def do_POST(self) -> None:
        request = json.loads(self._body() or b"{}")
        credentials = self.headers.get("Authorization", "").removeprefix("Basic ")
        self._reply(lambda: self.service.answer(self.path.rsplit("/", 1)[1], request, credentials))

    def do_PUT(self) -> None:
        body = self._body()
        self._reply(lambda: self.service.upload(self.path.rsplit("/", 1)[1], body) or {})

    def do_GET(self) -> None:
        self._reply(self._file)

    def _file(self) -> bytes:
        self.service.calls.append(("GET", {"path": self.path}))
        self.service.stumble("GET")
        _, _, owner, slug, name = unquote(self.path.partition("?")[0]).split("/", 4)
        return self.service.outputs[f"{owner}/{slug}"][name]

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _reply(self, answer: Callable[[], dict | bytes]) -> None:
        try:
            found = answer()
        except Silence:
            self.close_connection = True
            return
        except Page as page:
            self._send(page.status, str(page).encode(), page.kind)
            return
        except Refusal as refusal:
            self._send(refusal.status, {"code": refusal.status, "message": str(refusal)})
            return
        self._send(200, found)

    def finish(self) -> None:
        with suppress(ConnectionError):  # who asked was killed meanwhile
            super().finish()

    def _send(self, status: int, content: dict | bytes, kind: str = "") -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        kind = kind or ("application/octet-stream" if isinstance(content, bytes) else "application/json")
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        with suppress(ConnectionError):
            self.end_headers()
            self.wfile.write(body)
