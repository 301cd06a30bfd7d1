"""What the console offers besides a diagnosis is what the diagnosis recommends."""

from uuid import UUID

import pytest
from sqlalchemy import Engine
from sqlmodel import Session

from core.actor import Actor
from core.diagnosis.user import context_of
from core.errors import GiveUp, TryAgain
from core.models import User
from tests.factories import SUPPORT
from tests.journeys.stuck.stage import Stage
from tests.loops import in_a_loop
from ui import access
from ui.components.base import palette
from ui.components.demo.demo_panel import shown_of_job


@pytest.fixture
def reader(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Actor:
    monkeypatch.setattr(access, "_engines", [engine])
    monkeypatch.setattr(access, "me", lambda: SUPPORT)
    return SUPPORT


def failed(engine: Engine, error: Exception, attempts: int) -> UUID:
    stage = Stage(engine)
    stage.ask()
    stage.fail(error, attempts)
    return stage.user


@pytest.mark.usefixtures("reader")
def test_the_palette_offers_retry_only_where_it_is_the_remedy(engine: Engine) -> None:
    users = failed(engine, TryAgain("no answer"), 3), failed(engine, GiveUp("The preset is unknown."), 1)
    offered = []
    for user_id in users:
        with Session(engine) as session:
            email = session.get_one(User, user_id).email
        offered.append([each.label for each in in_a_loop(palette._people(f"retry {email}"))])
    assert [len(each) for each in offered] == [1, 0]
    assert offered[0][0].startswith("Retry failed of ")


def test_the_panel_of_demo_mode_is_drawn_anew_after_each_attempt(engine: Engine) -> None:
    stage = Stage(engine)
    stage.ask()
    shown = []
    for _ in range(2):
        stage.fail(TryAgain("no answer"), 1)
        with Session(engine) as session:
            context = context_of(session, session.get_one(User, stage.user))
            assert context is not None
            shown.append(shown_of_job(context))
    assert shown[0] != shown[1], "attempt 2 of 3 has followed attempt 1 of 3 under the same label"
