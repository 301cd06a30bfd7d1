"""Which passwords are good enough, that all of one counts, and that guessing tells nothing about who there is."""

from statistics import median
from time import perf_counter

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from core.database.engine import session_scope
from core.errors import Invalid
from core.people import passwords
from tests.factories import make_user

GOOD = "correct horse battery"
EMAIL = "ada.lovelace@example.com"


@pytest.mark.parametrize(
    ("password", "says"),
    [
        ("short", "12 characters"),
        ("elevenchars", "12 characters"),
        ("üüüüüüüüüüü", "12 characters"),
        ("password1234", "guessed first"),
        ("Password2026!", "guessed first"),
        ("PASSWORDPASSWORD", "guessed first"),
        ("qwertyuiop123", "guessed first"),
        ("1q2w3e4r5t6y", "guessed first"),
        ("123456789012", "guessed first"),
        ("111111222222", "guessed first"),
        ("aaaaaaaaaaaa", "guessed first"),
        ("abcabcabcabc", "guessed first"),
        ("Summer2026!!", "guessed first"),
        ("iloveyou12345", "guessed first"),
        ("administrator1", "guessed first"),
        ("correcthorsebatterystaple", "guessed first"),
        ("            ", "guessed first"),
        (EMAIL, "e-mail address"),
        (EMAIL.upper() + "1", "e-mail address"),
        ("ada.lovelace12", "e-mail address"),
    ],
)
def test_a_password_that_is_guessed_first_is_refused_with_a_reason(password: str, says: str) -> None:
    with pytest.raises(Invalid, match=says) as refused:
        passwords.hash_password(password, EMAIL)
    assert "password" in refused.value.fields


@pytest.mark.parametrize(
    "password",
    [
        GOOD,
        "x7$9!2#4&8*1",
        "лошадь батарея скоба",
        "熊猫喜欢吃竹子和苹果也喝",
        "ada.lovelace wrote the first program",
        "x" * 3 + GOOD * 40,
    ],
)
def test_a_password_of_ones_own_is_taken_in_any_script_and_length(password: str) -> None:
    assert passwords.hash_password(password, EMAIL).startswith("$argon2id$")


def test_every_character_counts_however_many_there_are(anonymous: TestClient, engine: Engine) -> None:
    long = GOOD * 40
    with session_scope(engine) as session:
        user = make_user(session, hashed_password=passwords.hash_password(long))
    for wrong in (long[:-1], long + "x", long[:72], long[:128]):
        answer = anonymous.post("/api/auth/login", json={"email": user.email, "password": wrong})
        assert answer.status_code == 401, len(wrong)
    assert anonymous.post("/api/auth/login", json={"email": user.email, "password": long}).status_code == 200


def test_a_guess_takes_as_long_for_nobody_as_for_somebody(anonymous: TestClient, engine: Engine) -> None:
    with session_scope(engine) as session:
        user = make_user(session, hashed_password=passwords.hash_password(GOOD))
    times: dict[str, list[float]] = {user.email: [], "nobody@example.com": []}
    for _ in range(5):
        for email, taken in times.items():
            began = perf_counter()
            answer = anonymous.post("/api/auth/login", json={"email": email, "password": "not this one, sorry"})
            taken.append(perf_counter() - began)
            assert "E-mail or password is wrong" in answer.json()["detail"]
    somebody, nobody = (median(taken) for taken in times.values())
    assert nobody > somebody / 2, "an answer that comes at once tells that there is no such person"
