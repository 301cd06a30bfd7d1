"""Verbs about users."""

from dataclasses import asdict
from typing import Annotated

import typer

from core.diagnosis.situation import Situation
from core.diagnosis.user import diagnose_user
from core.people import operators
from core.people.users import find_users, user_page
from ui.cli.explanation import checked, print_diagnosis
from ui.cli.terminal import After, Json, Reason, load, print_answer, print_rows, print_window, run_for_person

Search = Annotated[str, typer.Argument(help="E-mail, name or id.")]

verbs = typer.Typer(no_args_is_help=True, help="Users: list, show, diagnose, repair.")


@verbs.command("list")
def list_users(
    q: Search = "",
    situation: Annotated[Situation | None, typer.Option(help="Only users in this situation.")] = None,
    because: Annotated[str, typer.Option(help="Only those there for one reason: a queue, or an error.")] = "",
    after: After = 0,
    as_json: Json = False,
) -> None:
    """Find users by the beginning of e-mail, name or id."""
    users = load(lambda session: find_users(session, q, situation, after, because)).map(asdict)
    columns = ("id", "email", "name", "role", "status", "situation")
    # The status is that of demo mode: "disabled" would be read as an account that is disabled.
    print_window(users, columns, as_json=as_json, headings={"status": "demo mode"})


@verbs.command("show")
def show_user(email: str, as_json: Json = False) -> None:
    """Show a user with their diagnosis and newest jobs."""
    page = load(lambda session: user_page(session, operators.find_by_email(session, email).id))
    user = page.user.model_dump(mode="json", exclude={"hashed_password"})
    diagnosis = asdict(checked(page.diagnosis)[0])
    if as_json:
        return print_answer({**user, "diagnosis": diagnosis, "jobs": page.jobs}, as_json=True)
    print_answer({**user, "diagnosis": diagnosis["sentence"]})
    return print_rows(page.jobs, ("id", "label", "kind", "created_at", "error"), as_json=False)


@verbs.command()
def diagnose(email: str, as_json: Json = False) -> None:
    """Say in one sentence why a user is in their state, and the one safe remedy."""
    diagnosis = load(lambda session: diagnose_user(session, operators.find_by_email(session, email)))
    print_diagnosis(diagnosis, email, as_json=as_json)


@verbs.command()
def repair(
    email: str,
    start_again: Annotated[bool, typer.Option(help="Request again what the last job was to do.")] = False,
    reason: Reason = None,
) -> None:
    """Set the state that a user's last job proves, and end that job if someone changed it in the database."""
    print_answer(run_for_person("user.repair", email, {"start_again": start_again}, reason=reason))
