"""Command line verbs of the audit log and of the keys that protect it."""

from typing import Annotated

import typer

from core.audit.chain.keys import chain_keys
from core.audit.chain.verify import verify as verify_chain
from core.audit.export import Format
from core.audit.export import export as export_trail
from core.audit.search import AuditFilter
from core.encryption.rotation import rotate, token_cipher
from ui.cli.jobs import Json, me, opened, tell

keys = typer.Typer(no_args_is_help=True, help="The secret that encrypts provider tokens.")
audit = typer.Typer(no_args_is_help=True, help="The audit log: verify, export.")

Head = Annotated[str | None, typer.Option(help="A head printed earlier; the chain must still hold it.")]


def install(app: typer.Typer) -> None:
    """Add these verbs to the program's command line."""
    app.add_typer(audit, name="audit")
    app.add_typer(keys, name="keys")


@audit.command()
def verify(head: Head = None, as_json: Json = False) -> None:
    """Check that the audit log is as it was written; exit 1 with the first row that is not.

    Keep the head that it prints outside of the database: a cut-off end shows only to whoever has an earlier head.
    """
    with opened() as engine:
        verdict = verify_chain(engine, chain_keys(), expected_head=head)
    fault = verdict.fault
    answer = {"links": verdict.links, "head": verdict.head}
    if fault:
        told = fault.says[0].upper() + fault.says[1:] + "."
        answer |= {"fault": fault.what, "position": fault.position or "", "event": fault.event_id or "", "says": told}
    tell({"ok": fault is None, **answer} if as_json else answer, as_json=as_json)
    if fault:
        raise typer.Exit(1)
    if not as_json:
        typer.echo("The audit log is as it was written.")


@audit.command()
def export(
    form: Annotated[Format, typer.Option("--format", help="csv for spreadsheets, jsonl for programs.")] = Format.JSONL,
    who: str = "",
    what: str = "",
    user: str = "",
    since: str = "",
    until: str = "",
    q: str = "",
) -> None:
    """Print what people did, newest first, as a file; the options narrow it, times are ISO 8601 with a zone."""
    given = {"who": who, "what": what, "user": user, "since": since, "until": until, "q": q}
    wanted = AuditFilter.from_params(given)
    with opened() as engine:
        for part in export_trail(engine, wanted, form):
            typer.echo(part, nl=False)


@keys.callback()
def _keys() -> None:
    """Change the secret that encrypts provider tokens."""


@keys.command("rotate")
def rotate_keys(as_json: Json = False) -> None:
    """Encrypt tokens and second factors with the present UNSTUCK_SECRET_KEY; exit 1 if no known key opens some.

    Former secrets are read from UNSTUCK_PREVIOUS_SECRET_KEYS. It may be broken off and started again.
    """
    with opened() as engine:
        done = rotate(engine, token_cipher(), me())
    unreadable = {str(row): why for row, why in done.unreadable.items()}
    answer = {
        "key": done.key,
        "connections_encrypted_anew": done.connections,
        "second_factors_encrypted_anew": done.second_factors,
        "unreadable": unreadable,
    }
    tell(answer if as_json else {**answer, "unreadable": len(unreadable)}, as_json=as_json)
    if not as_json:
        for row, why in unreadable.items():
            typer.echo(f"  {row}: {why}")
    if unreadable:
        raise typer.Exit(1)
