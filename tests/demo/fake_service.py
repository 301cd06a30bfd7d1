"""A demo service on loopback that keeps to the protocol, and breaks it on request."""

import json
import threading
from collections.abc import Callable
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from core.demo.generator import batches
from core.demo.presets import Preset
from core.demo.remote import DemoService
from tests.demo.driving import AT

Answer = Callable[[BaseHTTPRequestHandler, dict[str, str]], None]


def page(query: dict[str, str]) -> dict:
    """Return a right answer: the built-in generator's rows as JSON."""
    preset, until = Preset(query["preset"]), datetime.fromisoformat(query["requested_at"])
    batch = next(batches(preset, query["seed"], until, int(query["start"])), None)
    first = next(batches(preset, query["seed"], until, 0))
    numbers = {row["id"]: number for number, row in enumerate(first.connections)}
    return {
        "preset": query["preset"],
        "start": int(query["start"]),
        "totals": {"connections": first.totals.connections, "interactions": first.totals.interactions},
        "connections": [{name: row[name] for name in ("platform", "handle")} for row in batch.connections]
        if batch
        else [],
        "interactions": [
            {
                "connection": numbers[row["connection_id"]],
                "created_at": row["created_at"].isoformat(),
                **{name: row[name] for name in ("kind", "author", "body", "sentiment")},
            }
            for row in (batch.interactions if batch else [])
        ],
    }


def send(handler: BaseHTTPRequestHandler, status: int, body: bytes, **headers: str) -> None:
    handler.send_response(status)
    for name, value in {"Content-Length": str(len(body)), **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


def well(handler: BaseHTTPRequestHandler, query: dict[str, str]) -> None:
    send(handler, 200, json.dumps(page(query)).encode())


def status(code, **headers):
    return lambda handler, query: send(handler, code, b"Traceback: secret internals", **headers)


def body(content):
    return lambda handler, query: send(handler, 200, content)


def changed(change):
    """Answer correctly, except for the change that `change` makes to the page."""

    def answer(handler, query):
        content = page(query)
        change(content)
        send(handler, 200, json.dumps(content).encode())

    return answer


def in_page(*path):
    """Return a change that sets what is at `path` to its last part."""
    *way, last, value = path

    def change(content):
        for part in way:
            content = content[part]
        content[last] = value

    return changed(change)


class FakeService:
    """Answers requests one after the other with `answers`, the last of them for all that follow."""

    def __init__(self, *answers: Answer, port: int = 0) -> None:
        self.answers = list(answers)
        self.seen: list[tuple[str, dict[str, str], dict[str, str]]] = []
        #: Slow answers wait for this, so that they end with the test.
        self.over = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self.netloc = f"127.0.0.1:{self._server.server_port}"
        self.url = f"http://{self.netloc}"

    def __enter__(self) -> "FakeService":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            fake = service

            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                query = {name: values[0] for name, values in parse_qs(parts.query).items()}
                service.seen.append((parts.path, query, dict(self.headers)))
                answer = service.answers.pop(0) if len(service.answers) > 1 else service.answers[0]
                try:
                    answer(self, query)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True

            def log_message(self, *_: object) -> None:
                """Log nothing."""

        return Handler


def ask(url, preset=Preset.NANO, start=0, seconds=5.0):
    return list(DemoService(url, seconds).batches(preset, "job-1", AT, start))
