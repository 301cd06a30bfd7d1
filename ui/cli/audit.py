"""Verbs about the audit log."""

from pathlib import Path
from typing import Annotated, Any

import typer

from core.audit.chain.keys import chain_keys
from core.audit.chain.verify import verify as verify_chain
from core.audit.export import export as export_events
from core.audit.search import AuditFilter, find_events
from core.database.engine import session_scope
from core.export import Format
from ui.cli.terminal import Json, Reason, opened, print_answer, print_part, run

verbs = typer.Typer(no_args_is_help=True, help="The audit log: verify, undo, export.")

Archive = Annotated[list[Path] | None, typer.Option(help="A folder of archive files, or one file; repeatable.")]
Entry = Annotated[int, typer.Argument(help="The number of the entry, without #.")]
Head = Annotated[str | None, typer.Option(help="A head printed earlier; the chain must still contain it.")]


@verbs.command()
def verify(head: Head = None, archive: Archive = None, as_json: Json = False) -> None:
    """Check that the audit log is unchanged since it was written; exit 1 and name the first row that is not.

    Archived entries are checked where --archive names their files; without it, the chain begins at the checkpoint.
    Keep the printed head outside the database: only an earlier head shows that the end of the log was cut off.
    """
    with opened() as engine:
        verdict = verify_chain(engine, chain_keys(), expected_head=head, archives=archive or ())
    fault = verdict.fault
    answer: dict[str, Any] = {
        "links": verdict.links,
        "archived": verdict.archived,
        "files_verified": verdict.files,
        "copies": list(verdict.copies),
        "head": verdict.head,
    }
    if fault:
        sentence = fault.says[0].upper() + fault.says[1:] + "."
        answer |= {
            "fault": fault.damage,
            "position": fault.position or "",
            "event": fault.event_id or "",
            "says": sentence,
        }
    print_answer({"ok": fault is None, **answer} if as_json else answer, as_json=as_json)
    if fault:
        raise typer.Exit(1)
    if not as_json:
        typer.echo("The audit log is as it was written.")


@verbs.command()
def undo(event: Entry, reason: Reason = None) -> None:
    """Take back the change of one entry, unless the same thing was changed again since."""
    print_answer(run("event.undo", args={"event": event}, reason=reason))


@verbs.command()
def export(
    form: Annotated[Format, typer.Option("--format", help="csv for spreadsheets, jsonl for programs.")] = Format.JSONL,
    who: str = "",
    what: str = "",
    user: str = "",
    since: str = "",
    until: str = "",
    q: str = "",
) -> None:
    """Print the audit log, newest first, as a file; the options filter it, times are ISO 8601 with a zone."""
    params = {"who": who, "what": what, "user": user, "since": since, "until": until, "q": q}
    audit_filter = AuditFilter.from_params(params)
    with opened() as engine:
        for part in export_events(engine, audit_filter, form):
            print_part(part)
        with session_scope(engine) as session:
            older = find_events(session, audit_filter, limit=1).archived_before
    if older:
        typer.echo(f"Archive files hold entries up to {older:%Y-%m-%d %H:%M} UTC.", err=True)
