"""A worker that stops releases its jobs; requests that people made meanwhile are kept."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import Engine

from core.models import JobStatus
from core.operations.demo import enable
from tests.driving import ask, ask_to_cancel, job_row, must_take, picture, prepare, work_on

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


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_console_that_is_asked_to_stop_ends_well(number: signal.Signals) -> None:
    program = (
        "import signal, main; from fastapi import FastAPI; from ui.server import listen, serve_until_stopped; "
        "signal.signal(signal.SIGTERM, main._on_sigterm); listening = listen('127.0.0.1', 0, own_key=True); "
        "app = FastAPI(); app.on_event('startup')(lambda: print('started', flush=True)); "
        "serve_until_stopped(app, listening)"
    )
    command = [sys.executable, "-W", "ignore", "-c", program]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as console:
        assert console.stdout is not None
        assert console.stdout.readline() == "started\n"
        console.send_signal(number)
        assert console.wait(20) == 0
