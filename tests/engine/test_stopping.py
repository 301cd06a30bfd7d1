"""A worker that stops releases its jobs; requests that people made meanwhile are kept."""

import os
import signal
import socket
import subprocess
import sys
import weakref
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from fastapi import FastAPI
from sqlalchemy import Engine

import main
from core.models import JobStatus
from core.operations.demo import enable
from tests.conftest import SECRET
from tests.driving import ask, ask_to_cancel, job_row, must_take, picture, prepare, work_on
from tests.loaded import LOADED, Forked
from tests.repeats import mostly_slow
from ui.server import listen, serve_until_stopped

ROOT = Path(__file__).resolve().parents[2]


def test_a_job_cancelled_while_its_worker_stops_settles_and_waits_for_no_other_worker(engine: Engine) -> None:
    user = prepare(engine, enable)
    job = ask(engine, enable, user, {"preset": "nano"})

    def stopping() -> bool:
        ask_to_cancel(engine, job)
        return True

    work_on(engine, must_take(engine), stopping)
    assert job_row(engine, job).status is JobStatus.CANCELLED
    assert (picture(engine, user)["state"], picture(engine, user)["interactions"]) == ("disabled", [])


def be_a_console(port: Connection) -> None:
    """Serve as a console does, and tell the port."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    signal.signal(signal.SIGTERM, main._on_signal)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # as in a terminal, wherever the tests run
    listening = listen("127.0.0.1", 0, own_key=True)

    @asynccontextmanager
    async def told(_: FastAPI) -> AsyncIterator[None]:
        port.send(listening.getsockname()[1])
        yield

    app = FastAPI(lifespan=told)
    app.post("/")(lambda: "done")
    serve_until_stopped(app, listening)


@contextmanager
def served() -> Iterator[tuple[Forked, int]]:
    """Serve in a process of its own; give it and its port."""
    here, there = LOADED.Pipe()
    console = Forked(be_a_console, there)
    try:
        assert here.poll(30), "it does not serve"
        yield console, here.recv()
    finally:
        console.kill()
        console.wait(10)


@pytest.mark.parametrize("number", mostly_slow([signal.SIGTERM, signal.SIGINT], fast=1))
def test_a_console_that_is_asked_to_stop_ends_well(number: signal.Signals) -> None:
    with served() as (console, _):
        console.send_signal(number)
        assert console.wait(20) == 0


@pytest.mark.parametrize(
    "is_connected", mostly_slow([True, False], fast=1), ids=["connected", "waiting to be accepted"]
)
def test_a_request_that_comes_as_a_console_stops_is_answered(*, is_connected: bool) -> None:
    """A proxy does not repeat a POST that was sent: it would be lost."""
    request = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
    with served() as (console, port), ExitStack() as stack:
        connect = partial(socket.create_connection, ("127.0.0.1", port), 20)
        made = [stack.enter_context(connect()) for _ in range(20)] if is_connected else []
        if is_connected:
            assert answer_to(stack.enter_context(connect()), request).startswith(b"HTTP/1.1 200"), "all are accepted"
        console.send_signal(signal.SIGSTOP)  # as on a busy machine
        made = made or [stack.enter_context(connect()) for _ in range(20)]
        for connection in made:
            connection.sendall(request)
        console.send_signal(signal.SIGTERM)
        console.send_signal(signal.SIGCONT)
        assert [answer_to(connection).partition(b"\r\n")[0] for connection in made] == [b"HTTP/1.1 200 OK"] * 20
        assert console.wait(20) == 0


def answer_to(connection: socket.socket, request: bytes = b"") -> bytes:
    """Send a request and return what comes first; nothing if the connection is cut."""
    connection.sendall(request)
    with suppress(ConnectionResetError):
        return connection.recv(65_536)
    return b""


@pytest.mark.parametrize(("verb", "number", "code"), [("serve", signal.SIGINT, 130), ("worker", signal.SIGTERM, 143)])
def test_a_signal_whose_exception_python_drops_ends_the_program_all_the_same(
    database_url: str, redis_url: str, verb: str, number: signal.Signals, code: int
) -> None:
    environment = {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "UNSTUCK_SECRET_KEY": SECRET}
    program = Forked(be_asked_to_stop_while_an_object_is_deleted, verb, number, {**os.environ, **environment})
    assert program.wait(30) == code


def be_asked_to_stop_while_an_object_is_deleted(verb: str, number: int, environment: dict[str, str]) -> None:
    """Be the program; the signal comes when it has looked at the database, inside a callback of a weak reference."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # as in a terminal, wherever the tests run
    os.environ.clear()
    os.environ.update(environment)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.dup2(1, 2)

    def asked(*_: object, **__: object) -> None:
        short = set()
        watching = weakref.ref(short, lambda _: os.kill(os.getpid(), number))
        del short
        assert watching() is None

    main._require_fit = asked
    sys.argv = ["main.py", verb, *(["--port", "0"] if verb == "serve" else [])]
    main.main()


def test_ctrl_c_while_modules_load_ends_the_program_without_a_traceback() -> None:
    program = (
        "import os, signal, sys; sys.argv = ['main.py', 'run']; "
        "signal.signal(signal.SIGINT, signal.default_int_handler); "  # as in a terminal, wherever the tests run
        "sys.meta_path.insert(0, type('Asked', (), {'find_spec': lambda name, *_: "
        "os.kill(os.getpid(), signal.SIGINT) if name == 'typer' else None})); import main"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (-signal.SIGINT, b"")


def test_a_signal_that_nohup_or_a_shell_has_switched_off_stays_off(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in numbers}
    monkeypatch.setattr(main, "app", lambda: None)
    try:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        main.main()
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
        assert signal.getsignal(signal.SIGTERM) == main._on_signal
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
