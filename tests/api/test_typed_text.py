"""Addresses and names are found as they are shown, typed or pasted, whatever the database's lower() does."""

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from sqlalchemy import Engine
from sqlmodel import Session

from core.audit.search import AuditFilter
from core.database import text
from core.database.engine import session_scope
from core.database.text import begins_with, contains, tidy
from core.models import Role, User
from core.people import operators, passwords
from core.people.users import find_users
from tests.factories import ADMIN, make_user

PASSWORD = "a quiet barge on the Ruhr"


@pytest.mark.parametrize(
    ("added", "typed"),
    [
        ("İlker@example.com", "İlker@example.com"),
        ("kim@bücher.example", "kim@xn--bcher-kva.example"),
        ("kim@xn--bcher-kva.example", " Kim@BÜCHER.example "),
        ("zoë@example.com", "zoe\u0308@example.com"),
        ("ana@host", "\u200bana@host"),
    ],
)
def test_an_operator_signs_in_and_is_found_by_the_address_as_it_is_typed(
    engine: Engine, anonymous: TestClient, quick_hashes: None, added: str, typed: str
) -> None:
    with session_scope(engine) as session:
        operators.add(session, operators.NewOperator(email=added, role=Role.SUPPORT), ADMIN, None)
        user = operators.find_by_email(session, typed)
        user.hashed_password = passwords.hash_password(PASSWORD)
    answer = anonymous.post("/api/auth/login", json={"email": typed, "password": PASSWORD})
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    "search",
    [
        "Kim Lee <kim@example.com>",
        "mailto:kim@example.com?subject=x",
        " kim@example.com\u00a0",
        "Lee, Kim",
        "lee",
        "İBRAHIM",
        "İbrahim",
        "\ufeffkim@",
        "<kim@example.com>",
    ],
)
def test_a_user_is_found_by_what_support_pastes(session: Session, search: str) -> None:
    make_user(session, email="ana@example.com", name="Ana")
    kim = make_user(session, email="kim@example.com", name="Kim İbrahim Lee")
    session.flush()
    assert [line.id for line in find_users(session, search)] == [kim.id]


@pytest.mark.parametrize("search", ["zoe", "Zoë", "LUKASZ", "Łukasz, zoe", "muller", "Müller", "zoe muller@", "oe"])
def test_a_user_is_found_with_and_without_accents(session: Session, search: str) -> None:
    make_user(session, email="ana@example.com", name="Ana")
    zoe = make_user(session, email="müller@example.com", name="Zoë Łukasz")
    plain = make_user(session, email="muller@example.com", name="Zoe Lukasz")
    session.flush()
    assert {line.id for line in find_users(session, search)} == {zoe.id, plain.id}


@pytest.mark.parametrize("search", ["100%", "a_b", "％", "\\"])
def test_signs_of_patterns_stand_for_themselves(session: Session, search: str) -> None:
    make_user(session, email="ana@example.com", name="1000 aab")
    session.flush()
    assert list(find_users(session, search)) == []


@pytest.mark.parametrize(
    ("column", "index"), [(User.name, "ix_users_name_search"), (User.email, "ix_users_email_search")]
)
def test_an_index_serves_the_search_by_the_start(session: Session, column: object, index: str) -> None:
    statement = sa.select(User.id).where(begins_with(column, "zo%e"))
    written = statement.compile(session.get_bind(), compile_kwargs={"literal_binds": True})
    session.connection().exec_driver_sql("SET LOCAL enable_seqscan = off")
    plan = session.connection().exec_driver_sql(f"EXPLAIN {str(written).replace('%', '%%')}").scalars().all()
    assert any(index in line for line in plan), plan
    assert any("Index Cond" in line for line in plan), plan


def test_a_search_in_the_middle_looks_for_accents_in_names_that_have_letters_beyond_ascii_alone(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It reads every row, and splitting accents costs ten times as much as the lower case."""
    connection = session.connection()
    connection.exec_driver_sql("CREATE TEMP SEQUENCE split")
    connection.exec_driver_sql(
        "CREATE FUNCTION pg_temp.split(name text) RETURNS text LANGUAGE sql VOLATILE"
        " AS $$ SELECT name FROM nextval('split') $$"
    )
    name = (
        sa.text("SELECT unnest(ARRAY['kim', 'lee', 'zoë']) AS name")
        .columns(sa.column("name", sa.Text))
        .subquery()
        .c.name
    )
    monkeypatch.setattr(text, "searched", lambda of: sa.func.pg_temp.split(of) if of is name else of)
    query = sa.select(sa.func.count()).where(contains(name, "o"))
    assert connection.execute(query).scalar_one() == 1
    assert connection.exec_driver_sql("SELECT last_value FROM split").scalar_one() == 1


@pytest.mark.parametrize("blank", ["\u0301", " \u200b ", "\u0301\u0308"])
def test_marks_without_letters_are_no_search(blank: str) -> None:
    assert tidy(blank) == ""
    assert AuditFilter.from_params({"user": blank}) == AuditFilter()
