"""What creators and support read of a connection in each state, and what is announced when it changes."""

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session, select

from core import clock
from core.commands.connections import DENIED
from core.database.engine import session_scope
from core.diagnosis.answer import Diagnosis
from core.diagnosis.situation import Situation
from core.diagnosis.user import diagnose_user, explain_job
from core.job_list.rows import detail
from core.models import ConnectionStatus, Event, PlatformConnection, User
from core.oauth import consents
from core.people.connections import ConnectionState, PlatformState, platforms_of, sentence_of, states_of
from core.people.users import users_by_situation
from core.settings import settings
from tests import driving
from tests.oauth.people import Creator
from tests.oauth.test_connecting import run_next
from tests.sandboxes import Sandbox
from ui.components.base.timeline import sentence_of as sentence_of_event
from ui.components.connections.connection_words import (
    NOT_CONNECTED,
    NOT_SET_UP,
    OUTCOMES,
    is_connected,
    news,
    outcome_words,
    request_words,
    seen_in,
    state_words_of,
)
from ui.consent_outcome import Outcome


def platform(engine: Engine, creator: Creator, name: str = "sandbox") -> PlatformState:
    with Session(engine) as session:
        return next(each for each in platforms_of(session, creator.id) if each.platform == name)


def test_a_platform_follows_its_connection(engine: Engine, creator: Creator, sandbox: Sandbox) -> None:
    assert state_words_of(platform(engine, creator)) == NOT_CONNECTED
    assert "press Connect," in request_words(platform(engine, creator))
    connection_id, job_id = creator.asks_to_connect("ana")
    [state] = platform(engine, creator).connections
    assert (state.operation.doing, state.is_active, state.cancel.label) == ("Connecting…", True, "Cancel")
    run_next(engine)
    [state] = platform(engine, creator).connections
    assert (state.operation, state.cancel) == (None, None)
    assert state.since == creator.job(job_id).finished_at
    assert creator.job(job_id).progress_done == creator.job(job_id).progress_total > 0, "what has succeeded is done"
    assert "press Connect another account." in request_words(platform(engine, creator))
    assert state.diagnosis.customer == "Sandbox is connected as ana."
    sandbox.withdraw("ana")
    creator.asks("connection.refresh", connection_id)
    run_next(engine)
    [state] = platform(engine, creator).connections
    assert state.connection.connection_status == "failed"
    assert state.diagnosis.customer.startswith("Access was withdrawn at Sandbox")
    assert "press Connect again," in request_words(platform(engine, creator))
    assert "Retry" not in [remedy.label for remedy in (state.diagnosis.remedy, *state.diagnosis.others) if remedy]
    creator.asks("connection.disconnect", connection_id)
    run_next(engine)
    assert platform(engine, creator).connections == ()


def test_a_job_says_which_connection_it_is_about(engine: Engine, creator: Creator) -> None:
    connection_id, job_id = creator.asks_to_connect("ana")
    with Session(engine) as session:
        assert detail(session, job_id).connection == "Sandbox"
    run_next(engine)
    with session_scope(engine) as session:
        assert detail(session, job_id).connection == "Sandbox @ana"
        session.delete(session.get_one(PlatformConnection, connection_id))
    with Session(engine) as session:
        assert detail(session, job_id).connection == ""


def test_what_is_not_set_up_says_so(engine: Engine, creator: Creator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UNSTUCK_SANDBOX_URL")
    settings.cache_clear()
    with Session(engine) as session:
        platforms = platforms_of(session, creator.id)
    assert [each.label for each in platforms] == ["Instagram", "YouTube", "TikTok", "Facebook"]
    assert {state_words_of(each) for each in platforms} == {NOT_SET_UP}


def test_a_state_without_a_job_is_said_too(engine: Engine, creator: Creator) -> None:
    said = {}
    for status in ConnectionStatus:
        row = PlatformConnection(user_id=creator.id, platform="sandbox", connection_status=status, handle="ana")
        with session_scope(engine) as session:
            session.add(row)
            session.flush()
            said[status] = sentence_of(session, row)
            assert states_of(session, [row])[row.id].diagnosis.sentence == said[status].sentence
    assert {each.situation.value for each in said.values()} == {"fine", "failed", "stuck"}
    assert all(each.sentence and each.customer for each in said.values())


def test_what_was_made_or_ended_is_announced_once() -> None:
    one = uuid4()
    made = {one: ("Sandbox", ConnectionStatus.CONNECTED, "Sandbox is connected as ana.")}
    begun = {one: ("Sandbox", ConnectionStatus.CONNECTING, "It goes on without you.")}
    refreshing = {one: ("Sandbox", ConnectionStatus.REFRESHING, "It goes on without you.")}
    assert news(begun, made) == ["Sandbox is connected as ana."]
    assert news(made, {}) == ["Sandbox is disconnected."]
    assert news(made, made) == news(refreshing, made) == news({}, begun) == []
    assert seen_in([]) == {}


def test_the_head_of_a_platform_counts_only_what_is_connected() -> None:
    def head(*statuses: ConnectionStatus) -> str:
        rows = [PlatformConnection(platform="sandbox", connection_status=each) for each in statuses]
        fine = Diagnosis(Situation.FINE, "", "")
        return state_words_of(PlatformState("sandbox", "Sandbox", True, tuple(ConnectionState(r, fine) for r in rows)))

    good, bad = ConnectionStatus.CONNECTED, ConnectionStatus.FAILED
    assert [head(), head(good), head(good, good)] == [NOT_CONNECTED, "Connected", "2 accounts connected"]
    assert [head(bad), head(good, bad)] == ["", "1 of 2 accounts connected"]


def test_the_history_says_what_ended_and_where_consent_was_not_given(
    engine: Engine, creator: Creator, sandbox: Sandbox
) -> None:
    creator.asks_to_connect("ana")
    run_next(engine)
    refused = Event(name="connection.refused", actor="ana", data={"platform": "sandbox", "error": DENIED})
    broken = Event(name="connection.refused", actor="ana", data={"platform": "sandbox", "error": "server_error"})
    assert sentence_of_event(refused) == "Gave no consent at Sandbox"
    assert sentence_of_event(broken) == "Sandbox sent no consent"
    with Session(engine) as session:
        [event] = session.exec(select(Event).where(Event.name == "job.succeeded"))
        assert sentence_of_event(event) == "Succeeded: Connect"


def test_each_outcome_has_its_sentence_and_no_other_word_has_one() -> None:
    assert set(Outcome) - OUTCOMES.keys() == {Outcome.TAKEN}
    assert all(outcome_words(outcome.value) == said for outcome, said in OUTCOMES.items())
    for word in ("", "taken", "nonsense", "<script>", "REFUSED"):
        assert outcome_words(word) is None


def test_a_user_is_diagnosed_by_what_is_most_urgent(engine: Engine, creator: Creator, sandbox: Sandbox) -> None:
    connection_id, _ = creator.asks_to_connect("urgent")
    run_next(engine)
    assert said_of(engine, creator) == "No problem found: demo mode is disabled."
    sandbox.withdraw("urgent")
    creator.asks("connection.refresh", connection_id)
    assert said_of(engine, creator).startswith("Refreshing access")
    run_next(engine)
    assert "Access was withdrawn at Sandbox" in said_of(engine, creator)
    with Session(engine) as session:
        assert users_by_situation(session)[Situation.FAILED] == 1


def said_of(engine: Engine, creator: Creator) -> str:
    driving.new_worker(engine)
    with Session(engine) as session:
        return diagnose_user(session, session.get_one(User, creator.id)).sentence


@pytest.mark.parametrize("is_refreshed", [True, False])
def test_access_that_has_ended_says_who_renews_it(engine: Engine, creator: Creator, *, is_refreshed: bool) -> None:
    connection_id, _ = creator.asks_to_connect(f"ended {is_refreshed}")
    run_next(engine)
    ended = clock.now() - timedelta(hours=2)
    with session_scope(engine) as session:
        row = session.get_one(PlatformConnection, connection_id)
        row.token_expires_at, row.refresh_at = ended, ended if is_refreshed else None
        session.flush()
        said = sentence_of(session, row)
    assert "its access ended 2 h ago" in said.sentence
    assert (said.situation, said.remedy.label) == ("stuck", "Refresh access" if is_refreshed else "Disconnect")
    assert ("nothing you have to do" in said.customer) == is_refreshed


def test_a_failure_that_only_the_creator_mends_has_the_link_to_send(
    engine: Engine, creator: Creator, sandbox: Sandbox
) -> None:
    connection_id, _ = creator.asks_to_connect("ana")
    run_next(engine)
    with Session(engine) as session:
        assert sentence_of(session, session.get_one(PlatformConnection, connection_id)).owners_page == ""
    sandbox.withdraw("ana")
    job_id = creator.asks("connection.refresh", connection_id)
    run_next(engine)
    with Session(engine) as session:
        of_connection = sentence_of(session, session.get_one(PlatformConnection, connection_id))
        of_user = diagnose_user(session, session.get_one(User, creator.id))
        of_job = explain_job(session, job_id)
    assert {each.owners_page for each in (of_connection, of_user, of_job)} == {"/settings/connections?connect=sandbox"}


def test_a_refresh_that_failed_while_access_lasts_is_tried_again_by_itself(
    engine: Engine, creator: Creator, sandbox: Sandbox
) -> None:
    connection_id, _ = creator.asks_to_connect("lasting")
    run_next(engine)
    sandbox.behave("503", endpoint="token")
    job_id = creator.asks("connection.refresh", connection_id)
    while creator.job(job_id).status != "failed":
        with engine.begin() as connection:
            connection.execute(text("UPDATE background_jobs SET run_at = now() WHERE status = 'queued'"))
        run_next(engine)
    with Session(engine) as session:
        row = session.get_one(PlatformConnection, connection_id)
        said = sentence_of(session, row)
        assert (row.connection_status, said.situation, said.remedy) == ("failed", Situation.WAITING, None)
        assert "Access lasts for" in said.sentence
        assert "tried again in" in said.sentence
        assert "There is nothing you have to do" in said.customer
        counts = users_by_situation(session)
        assert (counts[Situation.FAILED], counts[Situation.WAITING]) == (0, 1)
        assert is_connected(row)
        row.token_expires_at = clock.now() - timedelta(minutes=1)
        session.flush()
        assert sentence_of(session, row).situation is Situation.FAILED, "now it is noticed"


def test_another_account_is_one_beside_what_has_failed(engine: Engine, creator: Creator, sandbox: Sandbox) -> None:
    first, _ = creator.asks_to_connect("ana")
    run_next(engine)
    sandbox.withdraw("ana")
    creator.asks("connection.refresh", first)
    run_next(engine)
    with session_scope(engine) as session:
        again = consents.begin(session, creator.id, None, "sandbox", first).connection_id
        other = consents.begin(session, creator.id, None, "sandbox", another=True).connection_id
        assert (again, consents.begin(session, creator.id, None, "sandbox").connection_id) == (first, first)
    assert other != first
