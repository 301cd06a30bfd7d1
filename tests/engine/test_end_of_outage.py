"""When an outage begins and ends, as one process sees it."""

import logging

import pytest

from core import outages
from core.outages import LINGER, Outage


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the time that outages see, in a list of one."""
    now = [1000.0]
    monkeypatch.setattr(outages.time, "monotonic", lambda: now[0])
    return now


def test_a_report_that_comes_a_moment_after_the_end_begins_no_outage(
    clock: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    """A thread that found the server away may say so when another has already found it back."""
    server = Outage("server")
    with caplog.at_level(logging.WARNING):
        server.begin("is away", "refused")
        server.end()
        clock[0] += LINGER / 2
        server.begin("is away", "refused")
        assert len(caplog.records) == 2
        clock[0] += LINGER
        server.begin("is away", "refused")
    assert [record.getMessage() for record in caplog.records] == ["server is away", "server is back", "server is away"]
