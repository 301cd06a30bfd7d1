"""Odd claims of a provider about a person: no one signs in as another person, and nothing breaks."""

import base64

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine
from sqlmodel import Session

from core.database.engine import session_scope
from core.errors import NotSignedIn
from core.models import Role
from core.people.oidc_people import person_of
from core.settings import settings
from tests.api.conftest import anonymous as anonymous
from tests.factories import make_user
from tests.security.provider import Provider
from tests.security.test_oidc import provider as provider
from tests.security.test_oidc import refused, sign_in

UNCONFIRMED = "has not confirmed your e-mail address"


@pytest.fixture(autouse=True)
def kate(engine: Engine) -> None:
    with session_scope(engine) as session:
        make_user(session, email="kate@example.com", role=Role.ADMIN)


def test_letters_in_another_case_are_the_same_address(provider: Provider, anonymous: TestClient) -> None:
    provider.person["email"] = "KATE@Example.com"
    assert sign_in(anonymous, provider).status_code == 303


@pytest.mark.parametrize("roles", ["", "staff=support"])
@pytest.mark.parametrize("email", ["\u212aate@example.com", "kate@example.com\x00", "ka\x00te@example.com"])
def test_a_lookalike_address_matches_no_operator(
    provider: Provider, anonymous: TestClient, monkeypatch: pytest.MonkeyPatch, email: str, roles: str
) -> None:
    if roles:
        monkeypatch.setenv("UNSTUCK_OIDC_ROLE_CLAIM", "groups")
        monkeypatch.setenv("UNSTUCK_OIDC_ROLES", roles)
        settings.cache_clear()
    provider.person |= {"email": email, "groups": ["staff"]}
    refused(anonymous, sign_in(anonymous, provider), UNCONFIRMED)


@pytest.mark.parametrize("email", ["two words@example.com", "a@b@c", "@", "x" * 500 + "@example.com"])
def test_an_impossible_address_makes_no_operator(
    provider: Provider, anonymous: TestClient, monkeypatch: pytest.MonkeyPatch, email: str
) -> None:
    monkeypatch.setenv("UNSTUCK_OIDC_ROLE_CLAIM", "groups")
    monkeypatch.setenv("UNSTUCK_OIDC_ROLES", "staff=support")
    settings.cache_clear()
    provider.person |= {"email": email, "groups": ["staff"]}
    refused(anonymous, sign_in(anonymous, provider), UNCONFIRMED)


def test_a_token_of_a_hundred_thousand_brackets_is_one_sentence(provider: Provider, anonymous: TestClient) -> None:
    deep = base64.urlsafe_b64encode(b"[" * 100_000).decode()
    provider.sign = lambda _: f"{deep}.e30.e30"
    refused(anonymous, sign_in(anonymous, provider), "we cannot trust")


@pytest.mark.parametrize(
    ("known", "claimed"),
    [
        ("bossİ@corp.example", "bossi@corp.example"),
        ("admin@unstuck.example", "x <admin@unstuck.example>"),
        ("admin@unstuck.example", "mailto:admin@unstuck.example?y@evil.example"),
        ("admin@unstuck.example", "admin@unstuck.example?z@evil.example"),
        ("admin@unstuck.example", "\u200badmin@unstuck.example"),
    ],
)
def test_a_claim_signs_no_one_in_by_an_address_that_only_reads_like_theirs(
    session: Session, known: str, claimed: str
) -> None:
    make_user(session, email=known, role=Role.ADMIN)
    session.flush()
    with pytest.raises(NotSignedIn):
        person_of(session, {"email": claimed, "email_verified": True})
