"""Command line verbs of the audit log and of the keys that protect it."""

from typing import Annotated

import typer

from core.chain.keys import chain_keys
from core.chain.verify import verify as verify_chain
from ui.cli import Json, opened, tell

audit = typer.Typer(no_args_is_help=True, help="The audit log: verify, export.")

Head = Annotated[str | None, typer.Option(help="A head printed earlier; the chain must still hold it.")]


def install(app: typer.Typer) -> None:
    """Add these verbs to the program's command line."""
    app.add_typer(audit, name="audit")


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
