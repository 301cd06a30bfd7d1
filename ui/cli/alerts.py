"""Verbs about alerts."""

from dataclasses import asdict
from typing import Annotated
from uuid import UUID

import typer
from sqlmodel import Session

from core.alerts import listing
from core.errors import NotAllowed
from core.messages import operators_channel, webhook_channel
from ui.cli.terminal import Json, Reason, load, opened, print_answer, print_line, print_rows, run

verbs = typer.Typer(no_args_is_help=True, help="Alerts: list, snooze, wake, test the ways out.")

_COLUMNS = ("id", "rule", "sentence", "since", "gone_since", "snoozed_until")


@verbs.command("list")
def list_alerts(
    over: Annotated[bool, typer.Option("--over", help="Those that are over, too.")] = False, as_json: Json = False
) -> None:
    """List what is wrong now, the oldest first."""
    print_rows([asdict(line) for line in load(lambda session: _read(session, over=over))], _COLUMNS, as_json=as_json)


@verbs.command("snooze")
def snooze_alert(
    alert_id: UUID,
    hours: Annotated[int, typer.Option(help="For so many hours.")] = 4,
    reason: Reason = None,
) -> None:
    """Tell nobody of this alert's subject for some hours, however often it comes."""
    print_answer(run("alert.snooze", alert_id, {"hours": hours}, reason=reason))


@verbs.command("wake")
def wake_alert(alert_id: UUID, reason: Reason = None) -> None:
    """End a snooze: people are told of this alert again."""
    print_answer(run("alert.wake", alert_id, reason=reason))


@verbs.command("test")
def test_ways() -> None:
    """Send a test message by each way of UNSTUCK_ALERTS and to each webhook; exit code 1 if one does not take it."""
    with opened():  # so that the settings are those of the other verbs
        taken = [*operators_channel.try_out(), *webhook_channel.try_out()]
        for way in taken:
            print_line(f"{way} took the message.")
        if not taken:
            raise NotAllowed("Nobody is told: set UNSTUCK_ALERTS or UNSTUCK_WEBHOOKS; docs/alerts.md says how.")


def _read(session: Session, *, over: bool) -> list[listing.AlertLine]:
    return listing.open_alerts(session) + (listing.over_alerts(session) if over else [])
