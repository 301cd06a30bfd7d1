"""No part of a token, code, address or text is in metrics, audit log, doctor or logs, whatever becomes of it."""

import csv
import io
import json
import logging
import secrets as random
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest
import typer
from sqlalchemy import Engine
from sqlmodel import Session, col, select
from typer.testing import CliRunner

from core import logs
from core.actor import Actor
from core.audit.export import export
from core.audit.search import AuditFilter
from core.commands.gateway import CommandRequest, perform
from core.database.engine import session_scope
from core.export import BOM, Format
from core.messages.control import AnswerForm, resend, tell
from core.models import Notification, NotificationStatus, PlatformConnection, Role, User
from core.oauth.tokens import unseal
from tests.api.conftest import anonymous
from tests.factories import SUPPORT
from tests.messages.mail_server import MailServer
from tests.messages.sending import send_all
from tests.oauth.conftest import creator, provider, sandbox
from tests.oauth.people import Creator
from tests.oauth.proving import Proof
from ui import cli

__all__ = ["anonymous", "creator", "provider", "sandbox"]

#: Characters of a part that gives its whole away.
PART = 8


def word() -> str:
    """Return letters that occur nowhere else, not even eight of them in a row."""
    return "".join(random.choice("bcdfghjkmnpqrstvwxz") for _ in range(16))


class Canaries(dict[str, str]):
    """Distinctive values by what they are."""

    def parts_in(self, text: str) -> list[str]:
        """Return which of them a text has a part of; they are named, not shown."""
        return [name for name, value in self.items() if any(part in text for part in parts_of(value))]


def parts_of(value: str) -> set[str]:
    return {value[at : at + PART] for at in range(len(value) - PART + 1)}


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """Return what the program's log says at its most talkative, with all fields, as a collector of logs gets it."""
    root, written = logging.getLogger(), io.StringIO()
    was, levels = (
        root.handlers[:],
        (root.level, {name: logging.getLogger(name).level for name in ("core", "ui", "tasks")}),
    )
    logs.set_up("debug")
    [handler] = root.handlers
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(written)
    yield written
    root.handlers[:] = was
    root.setLevel(levels[0])
    for name, level in levels[1].items():
        logging.getLogger(name).setLevel(level)


@pytest.fixture
def proof(creator: Creator, mail: MailServer) -> Proof:
    return Proof(creator)


def tokens_of(engine: Engine) -> list[str]:
    with Session(engine) as session:
        rows = session.exec(select(PlatformConnection)).all()
        return [unseal(each) for row in rows for each in (row.access_token, row.refresh_token) if each]


def doctor(engine: Engine) -> str:
    app = typer.Typer()
    cli.install(app, lambda: nullcontext(engine))
    return "".join(CliRunner().invoke(app, ["doctor", *more]).output for more in ([], ["--json"]))


def exported(engine: Engine, address: str) -> str:
    """Return the audit log in both formats, but the two columns whose purpose is to name people by their address."""
    file = "".join(export(engine, AuditFilter(), Format.CSV)).removeprefix(BOM)
    lines = [json.loads(line) for line in "".join(export(engine, AuditFilter(), Format.JSONL)).splitlines()]
    lines += csv.DictReader(io.StringIO(file))
    named = [line.pop(column) for line in lines for column in ("who", "user_email")]
    assert address in named
    return json.dumps(lines, ensure_ascii=False)


def refuses(proof: Proof, canaries: Canaries) -> None:
    """Come back without a code, with a word that no protocol knows."""
    me = Actor(proof.creator.id, canaries["address"], Role.MEMBER, "console")
    begun = perform(proof.engine, me, CommandRequest(name="connection.begin", args={"provider": "sandbox"}))
    [state] = parse_qs(urlsplit(begun["authorize_url"]).query)["state"]
    canaries |= {"state of a refusal": state, "word of a refusal": word()}
    args = {"state": state, "error": canaries["word of a refusal"]}
    perform(proof.engine, me, CommandRequest(name="connection.answer", args=args))


def visits(proof: Proof, canaries: Canaries, account: str) -> UUID:
    """Connect as a person does, and keep the state and the code that pass through the browser."""
    me = Actor(proof.creator.id, canaries["address"], Role.MEMBER, "console")
    begun = perform(proof.engine, me, CommandRequest(name="connection.begin", args={"provider": "sandbox"}))
    answer = proof.sandbox.consent(begun["authorize_url"], account)
    given = {name: values[0] for name, values in parse_qs(urlsplit(answer).query).items()}
    canaries |= {f"state of {account}": given["state"], f"code of {account}": given["code"]}
    args = {"state": given["state"], "code": given["code"]}
    done = perform(proof.engine, me, CommandRequest(name="connection.answer", args=args))
    proof.accounts.add(account)
    return UUID(done["connection_id"])


def test_no_part_of_a_secret_is_in_metrics_audit_doctor_or_logs(
    proof: Proof, mail: MailServer, anonymous: Any, logged: io.StringIO, engine: Engine
) -> None:
    address = f"{word()}@{word()}.{word()}"
    canaries = Canaries(address=address, title=word(), text=word())
    with session_scope(engine) as session:
        session.get_one(User, proof.creator.id).email = address
    row = visits(proof, canaries, "first")
    proof.run_all()
    canaries |= {f"token {number}": each for number, each in enumerate(tokens_of(engine))}
    proof.creator.asks("connection.refresh", row)
    proof.run_all()
    canaries |= {f"new token {number}": each for number, each in enumerate(tokens_of(engine))}
    proof.sandbox.withdraw("first")
    proof.creator.asks("connection.refresh", row)
    proof.run_all()
    with session_scope(engine) as session:
        tell(session, proof.creator.id, AnswerForm(title=canaries["title"], text=canaries["text"]), SUPPORT, None)
    mail.on_rcpt = f"550 5.1.1 <{address}> is unknown; the subject was {canaries['title']}"
    send_all(engine)
    with session_scope(engine) as session:
        for message in session.exec(select(Notification).order_by(col(Notification.id))).all():
            assert message.status is NotificationStatus.FAILED
            resend(session, message.id, SUPPORT, None)
    mail.on_rcpt = None
    assert send_all(engine)["sent"] == 2
    proof.creator.asks("connection.disconnect", row)
    proof.run_all()
    refuses(proof, canaries)
    proof.sandbox.behave("500")
    visits(proof, canaries, "second")
    proof.run_all()
    proof.come_to_rest()
    said = {"metrics": anonymous.get("/metrics").text, "audit": exported(engine, address), "doctor": doctor(engine)}
    said["log"] = logged.getvalue()
    assert "unstuck_messages" in said["metrics"]
    assert "connection.disconnect" in said["audit"]
    assert "message.resent" in said["audit"]
    assert "connection.refused" in said["audit"]
    assert len(canaries) >= 13
    assert {name: canaries.parts_in(text) for name, text in said.items()} == {name: [] for name in said}
