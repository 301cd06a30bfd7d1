"""The sealer of a worker process: it seals by itself, logs the head, and needs the secret."""

import logging
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from core.settings import settings
from tasks import sealer
from tasks.sealer import Sealer
from tests.audit.test_chain import UNSEALED, check, scalar, write
from tests.conftest import SECRET
from tests.waiting import eventually


@pytest.fixture(autouse=True)
def _fresh_settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(sealer, "LOOK_EVERY", 0.01)
    monkeypatch.setenv("UNSTUCK_SECRET_KEY", SECRET)
    settings.cache_clear()
    yield
    monkeypatch.undo()
    settings.cache_clear()


def test_the_sealer_seals_events_while_it_runs_and_logs_the_head(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="tasks.sealer")
    running = Sealer(engine)
    running.start()
    try:
        for number in range(3):
            write(engine, number)
            eventually(lambda: scalar(engine, UNSEALED) == 0)
    finally:
        running.stop()
    heads = [record.__dict__["head"] for record in caplog.records if "head" in record.__dict__]
    assert heads[-1] == check(engine, heads[0]).head


def test_the_sealer_without_a_secret_says_so_and_seals_nothing(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("UNSTUCK_SECRET_KEY")
    settings.cache_clear()
    write(engine, 0)
    running = Sealer(engine)
    running.start()
    running.stop()
    assert "UNSTUCK_SECRET_KEY is not set" in caplog.text
    assert scalar(engine, UNSEALED) == 1
