"""Titles of events for timelines and the audit log; an event without one here shows its own name."""

from collections.abc import Mapping
from typing import Final

_TITLES: Final[Mapping[str, str]] = {
    "job.requested": "Requested",
    "job.cancel_requested": "Cancel requested",
    "job.brought_forward": "Start now",
    "job.rescheduled": "Rescheduled",
    "job.edited": "Arguments changed for a retry",
    "job.args_revealed": "Hidden arguments revealed",
    "operator.added": "Added as an operator",
    "operator.role_changed": "Role changed",
    "operator.disabled": "Disabled",
    "operator.enabled": "Enabled again",
    "operator.link_made": "Sign-in link created",
    "schedule.edited": "Schedule changed",
    "schedule.backfilled": "Past runs of a schedule requested",
    "kind.limited": "Limits set",
    "connection.consent_asked": "Sent to the platform for consent",
    "connection.refused": "The platform sent no consent",
    "session.started": "Signed in",
    "session.ended": "Signed out",
    "factor.set_up": "Second factor set up, not confirmed yet",
    "factor.on": "Second factor switched on",
    "factor.off": "Second factor switched off",
    "factor.reset": "Second factor reset",
    "factor.recovery_used": "Recovery code used",
    "keys.rotated": "Secrets encrypted with the new key",
    "user.repaired": "Repaired",
    "user.viewed_as": "Viewed the customer's own pages",
    "view.saved": "View saved",
    "columns.kept": "Columns arranged",
    "view.removed": "View removed",
    "worker.quieted": "Worker made quiet",
    "worker.resumed": "Worker starts jobs again",
    "worker.stop_requested": "Worker asked to stop",
    "failure.ignored": "Error ignored",
    "failure.resolved": "Error resolved",
    "failure.reopened": "Error reopened",
    "failure.assigned": "Owner of an error changed",
    "failure.told": "Wrote to the users hit",
    "failure.noted": "Note on an error",
    "alert.snoozed": "Alert snoozed",
    "alert.woken": "Snooze ended",
    "message.told": "Wrote to the user",
    "message.resent": "Message sent again",
    "message.dropped": "Message dropped",
    "message.preferences": "Choice of e-mails changed",
}


def event_title(name: str) -> str:
    """Return the title of an event."""
    return _TITLES.get(name) or name.replace(".", " ").replace("_", " ").capitalize()
