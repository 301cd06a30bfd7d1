"""Which passwords are good enough, that every character counts, and that guessing reveals no accounts."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from time import thread_time
from typing import Any

import pytest
from argon2 import extract_parameters
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from core.database.engine import session_scope
from core.errors import Invalid
from core.models import Role
from core.people import passwords
from tests.api.conftest import CountingHasher
from tests.factories import make_user

GOOD = "correct horse battery"
EMAIL, NAME = "ada.lovelace@example.com", "Ada Byron"


@pytest.mark.parametrize(
    ("password", "says"),
    [
        ("short", "12 characters"),
        ("elevenchars", "12 characters"),
        ("üüüüüüüüüüü", "12 characters"),
        ("password1234", "attackers try first"),
        ("Password2026!", "attackers try first"),
        ("Passw0rd!2025", "attackers try first"),
        ("PASSWORDPASSWORD", "repeats"),
        ("qwertyuiop123", "attackers try first"),
        ("1q2w3e4r5t6y", "attackers try first"),
        ("1qaz2wsx3edc", "attackers try first"),
        ("qwertzuiop12", "attackers try first"),
        ("123456789012", "attackers try first"),
        ("abcdefghijkl", "sequence"),
        ("111111222222", "attackers try first"),
        ("aaaaaaaaaaaa", "repeats"),
        ("abcabcabcabc", "repeats"),
        ("hunter2hunter2", "repeats"),
        ("            ", "repeats"),
        ("barcelona123", "attackers try first"),
        ("Liverpool2024", "attackers try first"),
        ("Juventus2025!", "attackers try first"),
        ("Summer2026!!", "attackers try first"),
        ("Sommer2025!!", "attackers try first"),
        ("Herbst2025!!", "attackers try first"),
        ("Berlin2025!!", "attackers try first"),
        ("January2026!", "attackers try first"),
        ("Michael1987!!", "attackers try first"),
        ("Welcome2Work!", "attackers try first"),
        ("MeinPasswort1", "attackers try first"),
        ("contraseña123", "attackers try first"),
        ("iloveyou12345", "attackers try first"),
        ("administrator1", "attackers try first"),
        ("24.12.1987 1", "date"),
        ("correcthorsebatterystaple", "attackers try first"),
        ("Unstuck2026!", "attackers try first"),
        (EMAIL, "about you"),
        (EMAIL.upper() + "1", "about you"),
        ("ada.lovelace12", "about you"),
        ("Lovelace2026!", "about you"),
        ("Ada Byron 1815", "about you"),
    ],
)
def test_a_password_that_is_easy_to_guess_is_refused_with_a_reason(password: str, says: str) -> None:
    with pytest.raises(Invalid, match=says) as refused:
        passwords.hash_password(password, EMAIL, NAME)
    assert "password" in refused.value.fields
    assert password.strip() not in refused.value.detail or not password.strip(), "no part of it is repeated"


@pytest.mark.parametrize(
    "password",
    [
        GOOD,
        "violet-hammer-ocean-17",
        "blue window chair",
        "my dog eats grass",
        "Kaffee Lampe Fluss",
        "x7$9!2#4&8*1",
        "gZ8vQm2Lt4Wp",
        "лошадь батарея скоба",
        "熊猫喜欢吃竹子和苹果也喝",
        "ada.lovelace wrote the first program",
        "x" * 3 + GOOD * 40,
    ],
)
@pytest.mark.usefixtures("quick_hashes")
def test_a_password_that_is_hard_to_guess_is_taken_in_any_script_and_length(password: str) -> None:
    assert passwords.hash_password(password, EMAIL, NAME).startswith("$argon2id$")


def test_a_refusal_says_what_to_do_instead() -> None:
    with pytest.raises(Invalid, match="Use three or four unrelated words"):
        passwords.hash_password("barcelona123")


def test_the_hardest_password_to_judge_takes_no_longer_than_a_slow_request() -> None:
    substitutes = (
        "4@8({[<369 1!|70$5+%2" * 50
    )  # each character may stand for several letters, and all readings are tried
    began = thread_time()
    passwords.hash_password(substitutes[:1000])
    assert thread_time() - began < 2


def test_people_who_choose_at_the_same_moment_are_judged_by_their_own_names() -> None:
    def is_refused(name: str) -> bool:
        try:
            passwords.hash_password(f"{name}-2031", f"{name}@example.com")
        except Invalid:
            return True
        return False

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(is_refused, ["xqvzkwjp", "wjkqhzvx"] * 40))


@pytest.mark.usefixtures("quick_hashes")
def test_every_character_counts_however_many_there_are(anonymous: TestClient, engine: Engine) -> None:
    long = GOOD * 40
    with session_scope(engine) as session:
        user = make_user(session, hashed_password=passwords.hash_password(long))
    for wrong in (long[:-1], long + "x", long[:72], long[:128]):
        answer = anonymous.post("/api/auth/login", json={"email": user.email, "password": wrong})
        assert answer.status_code == 401, len(wrong)
    assert anonymous.post("/api/auth/login", json={"email": user.email, "password": long}).status_code == 200


def test_a_guess_is_as_much_work_for_an_unknown_address_as_for_a_known_one(
    anonymous: TestClient, engine: Engine, quick_hashes: CountingHasher
) -> None:
    """An answer that comes at once would tell that there is no such person; the work is counted, not timed."""
    with session_scope(engine) as session:
        user = make_user(session, hashed_password=passwords.hash_password(GOOD))
    for number, email in enumerate((user.email, "nobody@example.com"), 1):
        answer = anonymous.post("/api/auth/login", json={"email": email, "password": "not this one, sorry"})
        assert "E-mail or password is wrong" in answer.json()["detail"]
        assert len(quick_hashes.verified) == number
    first, second = map(extract_parameters, quick_hashes.verified)
    assert first == second


@pytest.mark.usefixtures("quick_hashes")
def test_many_people_who_change_their_password_at_once_leave_connections_to_others(signed_in: Any) -> None:
    client, _ = signed_in(Role.MEMBER)
    with ExitStack() as stack:
        while passwords._CHANGES.acquire(blocking=False):
            stack.callback(passwords._CHANGES.release)
        answer = client.post("/api/me/password", json={"password": GOOD})
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "5")
    assert client.post("/api/me/password", json={"password": GOOD}).status_code == 200
