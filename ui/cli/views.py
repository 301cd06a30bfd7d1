"""Verbs about views of the list of jobs."""

from dataclasses import asdict
from typing import Annotated
from uuid import UUID

import typer

from core.job_list.columns import COLUMN_NAMES
from core.job_list.views import views_of
from ui.cli.terminal import Json, load, print_answer, print_rows, run

verbs = typer.Typer(no_args_is_help=True, help="Views of the list of jobs: list, save, remove.")


@verbs.command("list")
def list_views(as_json: Json = False) -> None:
    """List the views that everyone has, and the shared ones."""
    lines = load(lambda session: views_of(session, None))
    print_rows([asdict(line) for line in lines], ("name", "filter", "saved_by", "id"), as_json=as_json)


@verbs.command()
def save(
    name: str,
    where: Annotated[str, typer.Option("--where", help="A filter, such as 'status:failed kind:demo.*'.")] = "",
    sort: Annotated[str, typer.Option(help="-created_at: newest first.")] = "-created_at",
    columns: Annotated[str, typer.Option(help=f"Of {', '.join(COLUMN_NAMES)}. Without: as each person has them.")] = "",
) -> None:
    """Save a view for everyone; one with this name is replaced."""
    shown = [each.strip() for each in columns.split(",")] if columns else []
    args = {"name": name, "filter": where, "sort": sort, "columns": shown, "is_shared": True}
    print_answer(run("view.save", None, args, reason=None))


@verbs.command()
def remove(view_id: UUID) -> None:
    """Remove a shared view."""
    print_answer(run("view.remove", view_id, reason=None))
