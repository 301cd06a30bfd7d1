"""Addresses and names are found as they are shown, typed or pasted, whatever the database's lower() does."""

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine
from sqlmodel import Session

from core.database.engine import session_scope
from core.models import Role
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
