"""Verbs about failures by their cause."""

from dataclasses import asdict
from typing import Annotated, Any

import typer
from sqlmodel import Session, select

from core import clock
from core.failures import groups
from core.failures.decision import sentence_of
from core.failures.groups import Shelf
from core.failures.one_group import failure_detail
from core.failures.telling import Whom
from core.people.operators import find_by_email
from ui.cli.terminal import Json, Reason, load, print_answer, print_line, print_rows, run

verbs = typer.Typer(
    no_args_is_help=True,
    help="Failures, grouped by error: list, show, ignore, resolve, reopen, assign, note, tell.",
)

_COLUMNS = ("fingerprint", "state", "open", "count", "users", "owner", "last_seen", "message")
Hours = Annotated[int, typer.Option(min=1, max=groups.WINDOWS[-1], help="How far to look back.")]


@verbs.command("list")
def list_failures(
    hours: Hours = groups.WINDOWS[0],
    state: Annotated[
        Shelf, typer.Option(help="Open ones, with those that are back; or those handled, ignored or resolved.")
    ] = Shelf.OPEN,
    as_json: Json = False,
) -> None:
    """List the errors of the last hours, those that are back first; `open` counts their unhandled failures."""
    found = load(lambda session: groups.groups_of_hours(session, hours))
    print_rows([asdict(each) for each in found.on(state)], _COLUMNS, as_json=as_json)
    others = [f"{number} {each}" for each, number in found.counts.items() if number and each is not state]
    if others:
        typer.echo(f"Besides: {', '.join(others)}; see --state.", err=True)


@verbs.command("show")
def show_failure(fingerprint: str, hours: Hours = groups.WINDOWS[0], as_json: Json = False) -> None:
    """Show one error: when, where, whom it hit, what was decided, and the traceback of its latest job."""
    found, sentence = load(lambda session: _detail(session, fingerprint, hours))
    if not as_json:
        print_line(sentence)
    print_answer(found, as_json=as_json)


@verbs.command("ignore")
def ignore_failure(
    fingerprint: str,
    hours: Annotated[int | None, typer.Option(help="Until so many hours from now.")] = None,
    count: Annotated[int | None, typer.Option(help="Until so many further failures.")] = None,
    per_hour: Annotated[int | None, typer.Option(help="Until more than so many failures within an hour.")] = None,
    reason: Reason = None,
) -> None:
    """Ignore an error until the first of these comes; without any, until somebody reopens it."""
    args = {"fingerprint": fingerprint, "hours": hours, "count": count, "per_hour": per_hour}
    print_answer(run("failure.ignore", None, args, reason=reason))


@verbs.command("resolve")
def resolve_failure(
    fingerprint: str,
    version: Annotated[
        str | None, typer.Option(help="The version that resolves it; failures of older workers say nothing then.")
    ] = None,
    reason: Reason = None,
) -> None:
    """Call an error resolved; a failure from now on is a regression."""
    print_answer(run("failure.resolve", None, {"fingerprint": fingerprint, "version": version}, reason=reason))


@verbs.command("reopen")
def reopen_failure(fingerprint: str, reason: Reason = None) -> None:
    """Take an ignore or a resolve back."""
    print_answer(run("failure.reopen", None, {"fingerprint": fingerprint}, reason=reason))


@verbs.command("assign")
def assign_failure(
    fingerprint: str,
    to: Annotated[str | None, typer.Option(help="The operator's e-mail address; without one: nobody.")] = None,
    reason: Reason = None,
) -> None:
    """Let an operator take care of an error, or nobody."""
    owner = str(load(lambda session: find_by_email(session, to).id)) if to else None
    print_answer(run("failure.assign", None, {"fingerprint": fingerprint, "owner": owner}, reason=reason))


@verbs.command("note")
def note_failure(fingerprint: str, text: str, reason: Reason = None) -> None:
    """Write a note on an error; it cannot be changed later."""
    print_answer(run("failure.note", None, {"fingerprint": fingerprint, "text": text}, reason=reason))


@verbs.command("tell")
def tell_users(
    fingerprint: str,
    title: Annotated[str, typer.Option(help="The subject.")],
    text: Annotated[str, typer.Option(help="The text; {name} stands for the user's name.")],
    whom: Annotated[
        Whom, typer.Option(help="Users whose failure is unhandled (open), who have recovered, or all.")
    ] = Whom.OPEN,
    hours: Hours = groups.WINDOWS[0],
    reason: Reason = None,
    as_json: Json = False,
) -> None:
    """Write to the users hit now, once each; who was told so within a day, or wants none, gets no message."""
    args = {"fingerprint": fingerprint, "title": title, "text": text, "whom": whom.value, "hours": hours}
    print_answer(run("failure.tell", None, args, reason=reason), as_json=as_json)


def _detail(session: Session, fingerprint: str, hours: int) -> tuple[dict[str, Any], str]:
    found = failure_detail(session, fingerprint, hours)
    return asdict(found), sentence_of(found.decision, session.exec(select(clock.db_now())).one())
