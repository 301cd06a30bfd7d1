"""No token, code, verifier or state is in a log, an error, an event, a result or an answer, however a job ends."""

import logging
from typing import Any

import pytest
from sqlalchemy import text
from sqlmodel import Session

from core.oauth import answers
from core.oauth import client as client_module
from core.oauth.client import ProviderClient
from core.oauth.tokens import seal
from tests import driving
from tests.oauth.people import Creator
from tests.oauth.proving import Proof
from tests.repeats import mostly_slow

#: What a database dump or an answer is made from, but the columns that hold sealed secrets.
_SAID = text("""
    SELECT coalesce(string_agg(j::text, E'\\n'), '') || (SELECT coalesce(string_agg(e::text, E'\\n'), '') FROM events e)
        || (SELECT coalesce(string_agg(a::text, E'\\n'), '') FROM job_attempts a)
        || (SELECT coalesce(string_agg(c::text, E'\\n'), '') FROM platform_connections c)
        || (SELECT coalesce(string_agg(r::text, E'\\n'), '') FROM token_revocations r)
        || (SELECT coalesce(string_agg(s::text, E'\\n'), '') FROM consents s)
    FROM background_jobs j
""")


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Return all secrets that pass between us and the provider, as they come."""
    passed: set[str] = set()
    real_tokens, real_address = answers.tokens_in, ProviderClient.consent_address
    real_exchange = ProviderClient.tokens_for

    def tokens_in(*args: Any) -> Any:
        tokens = real_tokens(*args)
        passed.update(filter(None, (tokens.access, tokens.refresh)))
        return tokens

    def consent_address(client: ProviderClient, state: str, verifier: str) -> str:
        passed.update((state, verifier))
        return real_address(client, state, verifier)

    def tokens_for(client: ProviderClient, code: str, verifier: str) -> Any:
        passed.update((code, verifier))
        return real_exchange(client, code, verifier)

    monkeypatch.setattr(client_module, "tokens_in", tokens_in)
    monkeypatch.setattr(ProviderClient, "consent_address", consent_address)
    monkeypatch.setattr(ProviderClient, "tokens_for", tokens_for)
    return passed


@pytest.mark.parametrize("mode", mostly_slow(["normal", "garbage", "500", "silent"], fast=2))
def test_what_passes_between_us_and_a_provider_is_written_nowhere(
    creator: Creator, secrets: set[str], mode: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    proof = Proof(creator)
    row = proof.connected()
    proof.sandbox.behave(mode)
    proof.creator.asks("connection.refresh", row)
    proof.run_all()
    proof.creator.asks("connection.disconnect", row)
    proof.run_all()
    proof.connect()
    proof.run_all()
    proof.come_to_rest()
    with Session(proof.engine) as session:
        said = session.connection().execute(_SAID).scalar_one()
    assert len(secrets) >= 6
    assert "connection.refresh" in said
    assert [each for each in secrets if each in said] == []
    logged = "\n".join(each.getMessage() for each in caplog.records if _is_logged(each))
    assert [each for each in secrets if each in logged] == []
    assert proof.sandbox.secret not in said + logged


def _is_logged(record: logging.LogRecord) -> bool:
    """Tell whether the program's log has this line at its most talkative; see core/logs.py."""
    return record.levelno >= logging.WARNING or record.name.partition(".")[0] in ("core", "tasks", "ui")


def test_a_request_that_does_not_fit_its_form_shows_nothing_of_it(creator: Creator) -> None:
    proof = Proof(creator)
    canary = "canary-3d7a-do-not-sing"
    connection_id, form = proof.creator.consents()
    proof.creator.asks("connection.connect", connection_id, {**form, "secret_code": canary})
    proof.run_all()
    with Session(proof.engine) as session:
        errors = session.connection().execute(text("SELECT error_message || error_traceback FROM background_jobs"))
        events = session.connection().execute(text("SELECT data::text FROM events"))
        said = f"{errors.scalars().all()} {events.scalars().all()}"
    assert canary not in said
    assert seal(canary) != canary
    assert driving.take(proof.engine, queue="connections") is None
