"""What pages read again and again is asked with the same statements, so that none is put together anew."""

from collections.abc import Callable
from uuid import UUID

import pytest
from sqlalchemy import ClauseElement, Engine, event
from sqlmodel import Session

from core.actor import Actor
from core.diagnosis.situation import Situation
from core.errors import NotSignedIn
from core.health import health_summary
from core.job_list.queries import jobs_of_user
from core.models import BackgroundJob, JobStatus, Role
from core.overview import overview
from core.people import auth, sessions
from core.people.auth import Credentials, Visitor
from core.people.operator_list import operator_line, operator_lines
from core.people.users import find_users, user_page
from tests.factories import make_user

Read = Callable[[Session, UUID], object]


def unknown_session(session: Session, _: UUID) -> None:
    with pytest.raises(NotSignedIn):
        auth.authenticate(session, Credentials("a token", "console"))


READS: dict[str, Read] = {
    "user": user_page,
    "jobs of a user": jobs_of_user,
    "sessions": lambda session, who: sessions.lines_of(session, Actor(who, "ana", Role.ADMIN, "api"), who),
    "access": operator_line,
    "operators": lambda session, _: operator_lines(session),
    "authentication": unknown_session,
    "roles": lambda session, who: auth.roles_behind(session, [who]),
    "health": lambda session, _: health_summary(session),
    "overview": lambda session, _: overview(session),
    "newest users": lambda session, _: find_users(session, ""),
    "stuck users": lambda session, _: find_users(session, "", Situation.STUCK),
}


@pytest.mark.parametrize("name", READS)
def test_a_second_look_uses_the_statements_of_the_first(name: str, engine: Engine, session: Session) -> None:
    ana = make_user(session)
    sessions.begin(session, ana, Visitor(), "console", "link")
    kind = {"kind": "demo.enable", "queue": "demo", "machine": "demo_mode", "user_id": ana.id}
    session.add_all(BackgroundJob(**kind, status=JobStatus.CANCELLED) for _ in range(2))
    session.commit()
    looks: list[list[ClauseElement]] = [[], []]
    for look in looks:

        def note(_: object, statement: ClauseElement, *__: object, look: list[ClauseElement] = look) -> None:
            look.append(statement)

        event.listen(engine, "before_execute", note)
        with Session(engine) as other:
            READS[name](other, ana.id)
        event.remove(engine, "before_execute", note)
    first, second = looks
    assert second
    assert [str(each) for each in second if not any(each is known for known in first)] == []
