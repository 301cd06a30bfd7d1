"""When people are told of an alert: late enough, once, not too often, not while it is snoozed; and by one process."""

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Barrier, Thread

import pytest
from sqlalchemy import Engine, event, text
from sqlmodel import Session, select

from core.alerts import watching
from core.alerts.listing import open_alerts
from core.alerts.rule import Facts, Finding, Rule
from core.alerts.snoozing import SnoozeForm, snooze, wake
from core.database.engine import session_scope
from core.errors import NotAllowed
from core.models import Alert, Notification
from tasks.lookout import Lookout
from tests.alerts.looking import alerts, pass_time, tell
from tests.alerts.receiver import Receiver, json_way, receiver, set_ways
from tests.factories import ADMIN, SUPPORT
from tests.waiting import until_blocked

MINUTE = timedelta(minutes=1)


class Trouble:
    """A rule whose finding comes and goes as the test wants."""

    def __init__(self, after: timedelta = timedelta()) -> None:
        self.is_there = True
        self.rule = Rule(name="trouble", label="Trouble", find=self.find, after=after)

    def find(self, _: Facts) -> list[Finding]:
        return [Finding(subject="one", sentence="Something is wrong", href="/jobs")] if self.is_there else []

    def look(self, engine: Engine, *others: Rule) -> None:
        with session_scope(engine) as session:
            watching.look(session, [*others, self.rule])


@pytest.fixture
def told(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Receiver:
    with receiver() as made:
        set_ways(monkeypatch, alerts=json_way(made))
        tell(engine)
        yield made


def minute(engine: Engine, trouble: Trouble, *, is_there: bool, minutes: int = 1) -> None:
    """Look and tell, and then let time pass."""
    trouble.is_there = is_there
    trouble.look(engine)
    tell(engine)
    pass_time(engine, minutes * MINUTE)


def test_what_is_wrong_for_a_moment_is_told_to_nobody(engine: Engine, told: Receiver) -> None:
    trouble = Trouble(after=5 * MINUTE)
    for is_there in (True, True, False, True, True, True, True):
        minute(engine, trouble, is_there=is_there)
    assert told.said == []
    with Session(engine) as session:
        assert open_alerts(session) == []
    for _ in range(3):
        minute(engine, trouble, is_there=True)
    assert len(told.said) == 1


def test_a_short_gap_does_not_end_an_alert(engine: Engine, told: Receiver) -> None:
    trouble = Trouble()
    for is_there in (True, False, True, False, True):
        minute(engine, trouble, is_there=is_there)
    assert [alert.over_at for alert in alerts(engine)] == [None]
    assert len(told.said) == 1


def test_what_comes_and_goes_is_told_once_an_hour(engine: Engine, told: Receiver) -> None:
    trouble = Trouble()
    for is_there in (True, False, False, False, False) * 3:
        minute(engine, trouble, is_there=is_there, minutes=3)
    assert len(alerts(engine)) == 3
    assert [each["title"] for each in told.said] == ["trouble (local)", "Over: trouble (local)"]
    pass_time(engine, 20 * MINUTE)
    minute(engine, trouble, is_there=True)
    assert len(told.said) == 3


def test_one_that_is_there_still_when_the_hour_is_over_is_told_then(engine: Engine, told: Receiver) -> None:
    trouble = Trouble()
    for is_there in (True, False, False, False):
        minute(engine, trouble, is_there=is_there, minutes=3)
    for _ in range(5):
        minute(engine, trouble, is_there=True, minutes=10)
    assert len(told.said) == 2
    minute(engine, trouble, is_there=True, minutes=10)
    assert len(told.said) == 3


def test_a_snoozed_alert_is_told_when_the_snooze_ends_if_it_is_there_still(engine: Engine, told: Receiver) -> None:
    trouble = Trouble(after=MINUTE)
    minute(engine, trouble, is_there=True)
    [alert] = alerts(engine)
    with session_scope(engine) as session:
        snooze(session, alert.id, SnoozeForm(hours=1), SUPPORT, "we know")
    for _ in range(3):
        minute(engine, trouble, is_there=True)
    with Session(engine) as session:
        assert [(line.snoozed_by, line.snooze_reason) for line in open_alerts(session)] == [(SUPPORT.name, "we know")]
    assert told.said == []
    with session_scope(engine) as session:
        session.connection().execute(text("UPDATE alert_snoozes SET until = now() - interval '1 s'"))
    minute(engine, trouble, is_there=True)
    minute(engine, trouble, is_there=True)
    assert len(told.said) == 1


def test_a_snooze_outlasts_the_end_of_its_alert_and_can_be_ended(engine: Engine, told: Receiver) -> None:
    trouble = Trouble()
    minute(engine, trouble, is_there=True)
    [alert] = alerts(engine)
    with session_scope(engine) as session:
        snooze(session, alert.id, SnoozeForm(hours=100), SUPPORT, "we know")
    for is_there in (False, False, False, False):
        minute(engine, trouble, is_there=is_there)
    assert [each["title"] for each in told.said] == ["trouble (local)", "Over: trouble (local)"]
    pass_time(engine, 90 * MINUTE)
    minute(engine, trouble, is_there=True)
    assert len(told.said) == 2
    with session_scope(engine) as session:
        wake(session, alerts(engine)[-1].id, ADMIN, None)
    minute(engine, trouble, is_there=True)
    assert len(told.said) == 3
    with session_scope(engine) as session, pytest.raises(NotAllowed):
        wake(session, alerts(engine)[-1].id, ADMIN, None)


def test_an_alert_is_snoozed_while_another_person_ends_its_snooze(engine: Engine) -> None:
    Trouble().look(engine)
    [alert] = alerts(engine)
    with session_scope(engine) as session:
        snooze(session, alert.id, SnoozeForm(hours=1), SUPPORT, "we know")
    others: list[Future[None]] = []

    def end_it() -> None:
        with session_scope(engine) as other:
            wake(other, alert.id, ADMIN, None)

    def between(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if "alert_snoozes" in statement and not others:
            others.append(pool.submit(end_it))
            until_blocked(engine, *others)

    with ThreadPoolExecutor() as pool:
        with session_scope(engine) as session:
            event.listen(session.connection(), "after_cursor_execute", between)
            assert snooze(session, alert.id, SnoozeForm(hours=2), SUPPORT, "still").reason == "still"
        assert [other.result(10) for other in others] == [None]


def test_a_rule_that_fails_keeps_no_other_from_telling(engine: Engine, told: Receiver) -> None:
    def fail(facts: Facts) -> list[Finding]:
        facts.session.connection().execute(text("SELECT 1 / 0"))
        return []

    trouble, broken = Trouble(), Rule(name="broken", label="Broken", find=fail)
    trouble.look(engine, broken)
    tell(engine)
    assert [each["title"] for each in told.said] == ["trouble (local)"]


def test_what_a_rule_cannot_tell_because_it_fails_is_not_over(engine: Engine, told: Receiver) -> None:
    trouble = Trouble()
    for is_there in (True, False):
        minute(engine, trouble, is_there=is_there)
    working, trouble.rule = trouble.rule, replace(trouble.rule, find=lambda _: 1 / 0)
    for _ in range(3):
        minute(engine, trouble, is_there=True)
    trouble.rule = working
    minute(engine, trouble, is_there=True)
    assert [each["title"] for each in told.said] == ["trouble (local)"]
    assert [alert.over_at for alert in alerts(engine)] == [None]


def test_an_alert_of_a_rule_that_is_gone_ends(engine: Engine) -> None:
    Trouble().look(engine)
    for _ in range(2):
        with session_scope(engine) as session:
            watching.look(session, [])
        pass_time(engine, 3 * MINUTE)
    with session_scope(engine) as session:
        watching.look(session, [])
    assert all(alert.over_at for alert in alerts(engine))


def test_many_processes_that_come_round_at_once_tell_once(engine: Engine, told: Receiver) -> None:
    Trouble().look(engine)
    with session_scope(engine) as session:
        session.connection().execute(text("UPDATE shared_rounds SET done_at = NULL"))
    together = Barrier(4)

    def come_round() -> None:
        lookout = Lookout(engine)
        together.wait()
        lookout.watch()
        lookout.send()

    threads = [Thread(target=come_round) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tell(engine)
    assert [each["title"] for each in told.said] == ["trouble (local)"]


def test_alerts_that_were_there_before_a_way_was_set_are_told(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    trouble = Trouble()
    minute(engine, trouble, is_there=True, minutes=600)
    with receiver() as told:
        set_ways(monkeypatch, alerts=f"{json_way(told)} {json_way(told)}2")
        tell(engine)
        tell(engine)
        assert len(told.said) == 2
    with Session(engine) as session:
        assert {each[:6] for each in session.exec(select(Notification.address))} == {"JSON ("}
        assert session.exec(select(Alert)).one().told_at is not None


def test_what_has_gone_by_the_end_of_its_snooze_is_told_to_nobody(engine: Engine, told: Receiver) -> None:
    trouble = Trouble(after=MINUTE)
    minute(engine, trouble, is_there=True)
    with session_scope(engine) as session:
        snooze(session, alerts(engine)[0].id, SnoozeForm(hours=1), SUPPORT, "we know")
    minute(engine, trouble, is_there=True)
    with session_scope(engine) as session:
        session.connection().execute(text("DELETE FROM alert_snoozes"))
    minute(engine, trouble, is_there=False, minutes=0)
    assert told.said == []
