"""A span is written one way, wherever it stands: in Python, in the browser, in the status bar."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlmodel import Session

from core.health import health_summary
from core.models import Role
from core.wording import nearly, spoken
from tests.factories import make_user
from ui import frame
from ui.components.base import markup

SECONDS = (0, 0.4, 59, 119.9, 120, 6_689, 7_199, 7_200, 90_000, 172_799, 172_800, 400_000)


def test_the_status_bar_says_how_long_a_job_waits_as_the_tile_does(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(markup, "path_prefix", lambda: "")
    health = replace(health_summary(session), queue_depth=1, oldest_wait_seconds=6_689.4)
    assert "1 waiting, oldest 111 min" in "".join(frame._figures(health))


def test_times_that_are_nearly_known_keep_two_digits() -> None:
    spans = (0.0001, 0.069, 0.48, 2.04, 80.2, 210, 8_640)
    shown = [nearly(timedelta(seconds=each)) for each in spans]
    assert shown == ["1 ms", "69 ms", "0.48 s", "2.0 s", "80 s", "3.5 min", "2.4 h"]


@pytest.mark.browser
def test_the_browser_writes_spans_as_the_server_does(console, rows: Session) -> None:
    viewer = make_user(rows, role=Role.VIEWER)
    rows.commit()
    page = console.open(viewer, "/")
    shown = page.evaluate("(seconds) => seconds.map((each) => window.spanWords(each))", list(SECONDS))
    assert shown == [spoken(timedelta(seconds=each)) for each in SECONDS]
