"""The outbox by API and by command line, writing to a user, preferences, and the link that ends messages."""

from collections.abc import Callable
from contextlib import nullcontext
from uuid import uuid4

import pytest
import typer
from fastapi.testclient import TestClient
from sqlalchemy import Engine, text
from sqlmodel import Session, select
from typer.testing import CliRunner

from core.messages.preferences import preferences_of
from core.messages.unsubscribe import link_for
from core.models import Event, NotificationStatus, Role, User
from core.settings import settings
from tests.conftest import SECRET
from tests.messages.mail_server import mail_server
from tests.messages.sending import change, put_many, put_one, row, rows, send_all, use_server
from ui import cli

SignIn = Callable[[Role], tuple[TestClient, User]]
CANARY = "canary-7d1e-in-a-message"


def test_support_reads_the_list_page_by_page(engine: Engine, signed_in: SignIn) -> None:
    made = [str(each) for each in put_many(engine, 5)]
    client, _ = signed_in(Role.SUPPORT)
    seen, after = [], None
    while True:
        answer = client.get("/api/outbox", params={"limit": 2, **({"after": after} if after else {})}).json()
        seen += [item["id"] for item in answer["items"]]
        after = answer["next"]
        if after is None:
            break
    assert seen == made[::-1]
    assert answer["total"] == {"value": 5, "exact": True}
    assert answer["items"][0]["address"].endswith("@example.com")
    assert "No way out is set" in answer["ways_out"][0]["problem"]
    assert client.get("/api/outbox", params={"status": "sent"}).json()["items"] == []
    assert client.get("/api/outbox", params={"after": "nonsense"}).status_code == 422
    assert signed_in(Role.VIEWER)[0].get("/api/outbox").status_code == 403


def test_a_message_is_shown_as_its_reader_gets_it(engine: Engine, signed_in: SignIn) -> None:
    message_id = put_one(engine)
    client, _ = signed_in(Role.SUPPORT)
    answer = client.get(f"/api/outbox/{message_id}").json()
    assert (answer["subject"], "Interactions: 60" in answer["text"]) == ("Your demo mode is ready", True)
    assert answer["html"].startswith("<!doctype html>")
    assert "proof=" not in answer["html"], "only its reader ends messages"
    unknown = put_one(engine, template="of_another_release")
    assert client.get(f"/api/outbox/{unknown}").json()["subject"] is None
    assert client.get(f"/api/outbox/{uuid4()}").status_code == 404


def test_a_message_that_failed_is_sent_again_with_the_same_id(
    engine: Engine, signed_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    with mail_server() as mail:
        use_server(monkeypatch, mail.url)
        mail.on_rcpt = "550 5.1.1 unknown"
        message_id = put_one(engine)
        send_all(engine)
        before, mail.on_rcpt = row(engine), None
        client, _ = signed_in(Role.SUPPORT)
        answer = client.post(f"/api/outbox/{message_id}/resend").json()
        assert answer == {
            "id": str(message_id),
            "status": "waiting",
            "why": "It waits. No worker serves the queue messages.",
        }
        send_all(engine)
        assert (before.status, row(engine).status, row(engine).message_id) == ("failed", "sent", before.message_id)
        again = client.post(f"/api/outbox/{message_id}/resend").json()
        assert again["id"] != str(message_id)
        send_all(engine)
        assert len({each.message_id for each in mail.received}) == 2, "a reader's program hides a second one"


def test_a_message_is_dropped_once_and_not_while_it_is_sent(engine: Engine, signed_in: SignIn) -> None:
    message_id = put_one(engine)
    client, operator = signed_in(Role.SUPPORT)
    change(engine, "UPDATE notifications SET sender_id = gen_random_uuid(), next_at = now() + interval '1 minute'")
    for verb in ("drop", "resend"):
        assert "being sent" in client.post(f"/api/outbox/{message_id}/{verb}").json()["detail"]
    change(engine, "UPDATE notifications SET sender_id = NULL")
    assert client.post(f"/api/outbox/{message_id}/drop").json()["status"] == "dropped"
    assert client.post(f"/api/outbox/{message_id}/drop").status_code == 409
    assert send_all(engine)["sent"] == 0
    assert operator.email in row(engine).error


def test_what_support_writes_reaches_the_user_and_no_event(
    engine: Engine, signed_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, operator = signed_in(Role.SUPPORT)
    _, user = signed_in(Role.MEMBER)
    path = f"/api/users/{user.id}/messages"
    assert client.post(path, json={"title": "Hello", "text": f"{CANARY}\n<b>bold</b>"}).status_code == 202
    assert client.post(path, json={"title": "", "text": "x"}).status_code == 422
    with mail_server() as mail:
        use_server(monkeypatch, mail.url)
        send_all(engine)
        message = mail.received[0].message
    assert (mail.received[0].to, message["Subject"]) == (user.email, "Hello")
    assert message["List-Unsubscribe"] is None
    assert CANARY in message.get_body(("plain",)).get_content()
    assert "&lt;b&gt;bold&lt;/b&gt;" in message.get_body(("html",)).get_content()
    assert operator.email not in str(message)
    assert "Ana Example of support wrote this" in message.get_body(("plain",)).get_content()
    with Session(engine) as session:
        told = session.exec(select(Event).where(Event.name == "message.told")).one()
        assert (told.user_id, told.actor) == (user.id, operator.email)
        everything = session.connection().execute(text("SELECT string_agg(e::text, '') FROM events e")).scalar()
        jobs = session.connection().execute(text("SELECT string_agg(j::text, '') FROM background_jobs j")).scalar()
    assert CANARY not in everything
    assert CANARY not in (jobs or "")


def test_people_choose_what_they_are_told(engine: Engine, signed_in: SignIn) -> None:
    client, user = signed_in(Role.MEMBER)
    both, warnings, done = (
        {"email_when_done": is_done, "email_when_needed": is_needed}
        for is_done, is_needed in ((True, True), (False, True), (True, False))
    )
    assert client.get("/api/me/messages").json() == warnings
    assert client.post("/api/me/messages", json={"email_when_done": True}).json() == both
    assert client.post("/api/me/messages", json={"email_when_needed": False}).json() == done
    assert client.post("/api/me/messages", json={}).json() == done
    with Session(engine) as session:
        assert preferences_of(session, user.id).email_when_done


@pytest.fixture
def link(signed_in: SignIn, monkeypatch: pytest.MonkeyPatch) -> tuple[str, User]:
    monkeypatch.setenv("UNSTUCK_PUBLIC_URL", "https://unstuck.example")
    monkeypatch.setenv("UNSTUCK_SECRET_KEY", SECRET)
    settings.cache_clear()
    client, user = signed_in(Role.MEMBER)
    client.post("/api/me/messages", json={"email_when_done": True})
    return link_for(user.id).removeprefix("https://unstuck.example"), user


def test_the_link_in_a_message_ends_messages_for_its_reader(
    engine: Engine, anonymous: TestClient, link: tuple[str, User]
) -> None:
    path, user = link
    page = anonymous.get(path)
    assert (page.status_code, "Unsubscribe</button>" in page.text) == (200, True)
    with Session(engine) as session:
        assert preferences_of(session, user.id).email_when_done, "a program that looks at links changes nothing"
    for _ in range(2):
        answer = anonymous.post(path, data={"List-Unsubscribe": "One-Click"})
        assert (answer.status_code, "You are unsubscribed" in answer.text) == (200, True)
    with Session(engine) as session:
        assert not preferences_of(session, user.id).email_when_done
        events = session.exec(select(Event).where(Event.name == "message.preferences", Event.via == "mail")).all()
    assert [(each.actor_id, each.data["now"]) for each in events] == [(user.id, "nothing")]


def test_a_link_of_another_user_or_key_ends_nothing(
    engine: Engine, anonymous: TestClient, link: tuple[str, User], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, user = link
    for wrong in (path.replace(str(user.id), str(uuid4())), path[:-1] + "é", path[:-8], "/unsubscribe", f"{path}0"):
        assert [anonymous.get(wrong).status_code, anonymous.post(wrong).status_code] == [404, 404], wrong
    monkeypatch.setenv("UNSTUCK_SECRET_KEY", "another-secret-for-tests")
    settings.cache_clear()
    assert anonymous.post(path).status_code == 404
    monkeypatch.setenv("UNSTUCK_PREVIOUS_SECRET_KEYS", SECRET)
    settings.cache_clear()
    assert anonymous.post(path).status_code == 200, "links of a former key go on working"


def invoke(engine: Engine, *words: str) -> object:
    app = typer.Typer()
    cli.install(app, lambda: nullcontext(engine))
    return CliRunner().invoke(app, ["messages", *words])


def test_the_command_line_lists_and_shows(engine: Engine) -> None:
    message_id = put_one(engine, "ana@example.com")
    listed = invoke(engine, "list").output
    assert "No way out is set" in listed
    assert "ana@example.com" in listed
    assert "Interactions: 60" in invoke(engine, "show", str(message_id)).output
    assert invoke(engine, "list", "--status", "sent").output.endswith("Nothing found.\n")
    assert invoke(engine, "drop", str(message_id)).exit_code == 0
    assert row(engine).status is NotificationStatus.DROPPED


def test_the_way_out_is_tried_and_the_answer_said(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    with mail_server() as mail:
        use_server(monkeypatch, mail.url)
        done = invoke(engine, "test", "--to", "ops@example.com")
        assert (done.exit_code, done.output) == (0, f"localhost:{mail.port} took the message: 250 OK.\n")
        mail.on_rcpt = "550 5.1.1 unknown"
        refused = invoke(engine, "test", "--to", "ops@example.com")
        assert "refused the address: 550 5.1.1 unknown" in str(refused.exception)
    assert rows(engine) == []


def test_metrics_count_what_waits_and_name_nobody(engine: Engine, anonymous: TestClient) -> None:
    put_many(engine, 2)
    change(engine, "UPDATE notifications SET created_at = created_at - interval '1 minute'")
    shown = anonymous.get("/metrics").text
    assert 'unstuck_messages{status="waiting"} 2.0' in shown
    age = next(line for line in shown.splitlines() if line.startswith("unstuck_message_oldest_seconds "))
    assert 60 <= float(age.split()[1]) < 120
    assert "@" not in shown
