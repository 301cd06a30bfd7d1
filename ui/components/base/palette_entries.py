"""What the palette offers for a text: pages, what a person may do, jobs, users, and a search of the jobs at last."""

import re
from collections.abc import Sequence
from functools import partial
from typing import Final
from urllib.parse import urlencode

from nicegui import ui

from core.models import Role
from ui import access, query_cache
from ui.components.base.command_button import CommandAction, perform_action
from ui.components.base.palette_entry import Entry
from ui.components.base.palette_people import people_entries, verb_entries
from ui.components.base.pause import pause_of
from ui.components.queues.schedule_actions import schedule_actions
from ui.components.queues.worker_actions import worker_actions

#: A job's id, or enough of its beginning.
_ID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{1,27}")


async def entries_for(query: str, pages: Sequence[Entry]) -> list[Entry]:
    """Return the entries that match a text, the likeliest first."""
    fixed = matching(query, [*pages, *_own_entries(), *await _commands()])
    verbs, people = await verb_entries(query), await people_entries(query)
    return [*_job(query), *fixed, *verbs, *people, *_search(query)]


def matching(query: str, entries: Sequence[Entry]) -> list[Entry]:
    """Return the entries whose label contains each word of the query."""
    return [entry for entry in entries if all(word in entry.label.lower() for word in query.lower().split())]


def _own_entries() -> list[Entry]:
    return [
        Entry("settings", "My settings", "go", partial(ui.navigate.to, "/settings")),
        Entry("logout", "Sign out", "do", lambda: ui.run_javascript("signOut()")),
    ]


async def _commands() -> list[Entry]:
    """Return the commands on queues, kinds, workers and schedules, for admins."""
    if not access.me().may(Role.ADMIN):
        return []
    summary = await query_cache.queues.now()
    workers, schedules = await query_cache.workers.now(), await query_cache.schedules.now()
    lines, kinds = [each.line for each in summary.queues], [each.kind for each in summary.kinds]
    alive, rows = [each.worker for each in workers.alive], [each.schedule for each in schedules]
    named: list[tuple[str, CommandAction]] = [
        *((f"queue {row.name}", pause_of("queue", row.name, paused=row.paused_at)) for row in lines),
        *((f"kind {row.kind}", pause_of("kind", row.kind, paused=row.paused_at)) for row in kinds),
        *((f"worker {row.host}:{row.pid}", action) for row in alive for action in worker_actions(row)),
        *((f"schedule {row.name}", action) for row in rows for action in schedule_actions(row)),
    ]
    return [
        Entry(action.icon or "bolt", f"{action.label} {name}{'…' * bool(action.question)}", "do", act)
        for name, action in named
        for act in [partial(perform_action, action, _look_again)]
    ]


async def _look_again() -> None:
    await query_cache.queues.anew()


def _job(query: str) -> list[Entry]:
    """Return the way to a job, whose id was typed or pasted; its beginning finds it in the list."""
    text = query.strip().lower()
    if not _ID.fullmatch(text):
        return []
    address = f"/jobs/{text}" if len(text) == 36 else f"/jobs?{urlencode({'q': text})}"
    return [Entry("list_alt", f"Job {text}", "go", partial(ui.navigate.to, address))]


def _search(query: str) -> list[Entry]:
    text = query.strip()
    address = f"/jobs?{urlencode({'q': text})}"
    return [Entry("search", f"Search jobs for {text}", "go", partial(ui.navigate.to, address))] if text else []
