"""Verbs about connections."""

from dataclasses import asdict
from typing import Annotated, Final
from uuid import UUID

import typer
from sqlmodel import Session

from core.database.window import MOST
from core.errors import Invalid, NotFound
from core.models import ConnectionStatus, PlatformConnection
from core.oauth.providers import all_platforms, label_of, provider_of
from core.operations.connection import PAGE
from core.people.connection_list import ConnectionFilter, ConnectionPage, connection_line, connection_page
from core.people.connections import sentence_of
from core.wording import cited
from ui.cli.address import Address, page_address
from ui.cli.terminal import Json, Reason, load, opened, print_answer, print_line, print_rows, run

verbs = typer.Typer(no_args_is_help=True, help="Connections: list, show, connect-link, refresh, disconnect.")

_COLUMNS: Final = ("id", "user_email", "platform", "handle", "status", "access_until", "refresh_at")


@verbs.command("list")
def list_connections(
    status: ConnectionStatus | None = None,
    platform: str | None = None,
    user: Annotated[str | None, typer.Option(help="The user's e-mail address or id.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=MOST)] = 50,
    after: Annotated[str | None, typer.Option(help="Continue there; the last answer says it.")] = None,
    as_json: Json = False,
) -> None:
    """List connections, newest first."""
    where = ConnectionFilter(status, platform, user)
    page: ConnectionPage = load(lambda session: connection_page(session, where, limit, after))
    print_rows([asdict(line) for line in page.items], _COLUMNS, as_json=as_json)
    if page.next:
        typer.echo(f"There are more: add --after {page.next}.", err=True)


@verbs.command("show")
def show_connection(connection_id: UUID, as_json: Json = False) -> None:
    """Show a connection, and why it is in its state."""

    def read(session: Session) -> dict[str, object]:
        line = asdict(connection_line(session, connection_id))
        said = sentence_of(session, session.get_one(PlatformConnection, connection_id))
        theirs = {"link_for_customer": page_address(said.owners_page)} if said.owners_page else {}
        return {**line, "situation": said.situation, "sentence": said.sentence, "customer": said.customer, **theirs}

    print_answer(load(read), as_json=as_json)


@verbs.command("connect-link")
def connect_link(platform: str, address: Address = None) -> None:
    """Print the address to send to a customer: they sign in there, and press Connect themselves."""
    with opened():  # it says where the sandbox is, which is one of the platforms
        if platform not in all_platforms():
            raise NotFound(f"There is no platform {cited(platform)}; there are {', '.join(all_platforms())}.")
        if provider_of(platform) is None:
            name = platform.upper()
            raise Invalid(f"{label_of(platform)} is not set up here: set UNSTUCK_{name}_CLIENT_ID and its secret.")
    print_line(page_address(f"{PAGE}?connect={platform}", address))


@verbs.command()
def refresh(connection_id: UUID, reason: Reason = None, as_json: Json = False) -> None:
    """Renew a connection's access now."""
    print_answer(run("connection.refresh", connection_id, reason=reason), as_json=as_json)


@verbs.command()
def repair(
    connection_id: UUID,
    start_again: Annotated[bool, typer.Option(help="Request again what the last job was to do.")] = False,
    reason: Reason = None,
) -> None:
    """Set the state that a connection's last job proves, and end that job if someone changed it in the database."""
    print_answer(run("connection.repair", connection_id, {"start_again": start_again}, reason=reason))


@verbs.command()
def disconnect(connection_id: UUID, reason: Reason = None, as_json: Json = False) -> None:
    """End a connection's access, here and at the platform."""
    print_answer(run("connection.disconnect", connection_id, reason=reason), as_json=as_json)
