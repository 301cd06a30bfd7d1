"""Verbs about messages."""

from dataclasses import asdict
from typing import Annotated, Any
from uuid import UUID

import typer
from sqlmodel import Session

from core.messages import listing, mail
from core.messages.channels import preview
from core.models import NotificationStatus
from core.people import operators
from ui.cli.terminal import Json, Reason, load, opened, print_answer, print_line, print_rows, run

verbs = typer.Typer(no_args_is_help=True, help="Messages: list, show, resend, drop, write, test.")

_COLUMNS = ("id", "status", "about", "address", "created_at", "sent_at", "attempts", "why")


@verbs.command("list")
def list_messages(
    status: Annotated[NotificationStatus | None, typer.Option(help="Only with this status.")] = None,
    user: Annotated[str | None, typer.Option(help="Only to the user with this e-mail address.")] = None,
    channel: Annotated[str | None, typer.Option(help="Only by this channel: email, alerts or webhook.")] = None,
    after: Annotated[str | None, typer.Option(help="Where older ones begin; the last answer says it.")] = None,
    as_json: Json = False,
) -> None:
    """List messages, newest first, with why each waits or failed."""
    page, ways = load(lambda session: _read(session, status, user, channel, after))
    for way in ways:
        if way.problem and not as_json:
            print_line(f"{way.channel}: {way.problem}")
    print_rows([asdict(line) for line in page.lines], _COLUMNS, as_json=as_json, headings={"address": "to"})
    if page.next is not None:
        typer.echo(f"There are more: add --after {page.next}.", err=True)


@verbs.command("show")
def show_message(message_id: UUID, as_json: Json = False) -> None:
    """Show a message with its subject and text."""
    line, row = load(lambda session: listing.find_message(session, message_id))
    written = preview(row)
    html = {"html": written.html} if written and as_json else {}
    parts = {"subject": written.subject, "text": written.text} if written else {}
    print_answer({**asdict(line), **parts, **html}, as_json=as_json)


@verbs.command("resend")
def resend_message(message_id: UUID, reason: Reason = None) -> None:
    """Send a message now; one that was sent already is sent once more, as a new one."""
    print_answer(run("message.resend", message_id, reason=reason))


@verbs.command("drop")
def drop_message(message_id: UUID, reason: Reason = None) -> None:
    """Drop a message that waits or failed: it is never sent."""
    print_answer(run("message.drop", message_id, reason=reason))


@verbs.command("write")
def write_message(
    email: str,
    title: Annotated[str, typer.Option(help="The subject.")],
    text: Annotated[str, typer.Option(help="The text.")],
    reason: Reason = None,
) -> None:
    """Write to the user with this e-mail address."""
    user_id = load(lambda session: operators.find_by_email(session, email).id)
    print_answer(run("message.tell", user_id, {"title": title, "text": text}, reason=reason))


@verbs.command("choose")
def choose_messages(
    email: str,
    done: Annotated[bool | None, typer.Option("--on/--off", help="Tell them when something is done.")] = None,
    needed: Annotated[
        bool | None, typer.Option("--warn/--no-warn", help="Tell them when a connection needs them, and about trouble.")
    ] = None,
    reason: Reason = None,
) -> None:
    """Choose what the user with this address is told by e-mail; what is left out stays, and the answer says it."""
    user_id = load(lambda session: operators.find_by_email(session, email).id)
    print_answer(
        run("message.preferences", user_id, {"email_when_done": done, "email_when_needed": needed}, reason=reason)
    )


@verbs.command("test")
def test_way_out(to: Annotated[str, typer.Option(help="The address that gets the test message.")]) -> None:
    """Send a test message to an address, and say what the mail server answered; exit code 1 if it refused."""
    with opened():  # so that the settings are those of the other verbs
        print_line(mail.try_out(to))


def _read(
    session: Session, status: NotificationStatus | None, email: str | None, channel: str | None, after: str | None
) -> tuple[listing.OutboxResults, list[Any]]:
    user_id = operators.find_by_email(session, email).id if email else None
    chosen = listing.OutboxFilter(status, user_id, channel)
    return listing.find_messages(session, chosen, after=after), list(listing.ways_out(session))
