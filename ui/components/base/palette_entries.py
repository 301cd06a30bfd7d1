"""What the palette offers for a text: what the page is about, a job, pages, commands, users, errors, and a search."""

import re
from collections.abc import Sequence
from functools import partial
from typing import Final
from urllib.parse import urlencode
from uuid import UUID

from nicegui import ui

from core.job_list.addresses import address_of
from core.models import Role
from core.wording import counted
from ui import access, query_cache
from ui.components.base.command_button import CommandAction, perform_action
from ui.components.base.kind_words import kind_label
from ui.components.base.palette_entry import Entry
from ui.components.base.palette_people import people_entries, verb_entries
from ui.components.base.palette_subject import job_entries, subject_entries
from ui.components.base.pause import pause_of
from ui.components.queues.schedule_actions import schedule_actions
from ui.components.queues.schedule_dialogs import schedule_dialogs
from ui.components.queues.worker_actions import worker_actions

#: A job's id, or enough of its beginning.
_ID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{1,27}")


async def entries_for(query: str, pages: Sequence[Entry]) -> list[Entry]:
    """Return the entries that match a text, the likeliest first."""
    subject = matching(query, await subject_entries(ui.context.client.sub_pages_router.current_path))
    fixed = matching(query, [*pages, *_own_entries(), *await _commands()])
    verbs, people = await verb_entries(query), await people_entries(query)
    return [*subject, *await _job(query), *fixed, *verbs, *people, *await _errors(query), *_search(query)]


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
        *(
            (f"kind {kind_label(row.kind)} ({row.kind})", pause_of("kind", row.kind, paused=row.paused_at))
            for row in kinds
        ),
        *((f"worker {row.host}:{row.pid}", action) for row in alive for action in worker_actions(row)),
        *((f"schedule {row.name}", action) for row in rows for action in schedule_actions(row)),
    ]
    dialogs = [
        Entry(icon, f"{label.removesuffix(' …')} schedule {row.name}…", "do", partial(opens, _look_at_schedules))
        for row in rows
        for label, icon, _, opens in schedule_dialogs(row)
    ]
    return [
        Entry(action.icon or "bolt", f"{action.label} {name}{'…' * bool(action.question)}", "do", act)
        for name, action in named
        for act in [partial(perform_action, action, _look_again)]
    ] + dialogs


async def _look_again() -> None:
    await query_cache.queues.anew()


async def _look_at_schedules() -> None:
    await query_cache.schedules.anew()


async def _job(query: str) -> list[Entry]:
    """Return the way to a job, whose id was typed or pasted, and what it allows; its beginning finds it in the list."""
    text = query.strip().lower()
    if not _ID.fullmatch(text):
        return []
    if len(text) != 36:
        return [Entry("list_alt", f"Job {text}", "go", partial(ui.navigate.to, address_of(text)))]
    try:
        acts = await job_entries(UUID(text), name=f"job {text}")
    except ValueError:
        acts = []
    return [Entry("list_alt", f"Job {text}", "go", partial(ui.navigate.to, f"/jobs/{text}")), *acts]


async def _errors(query: str) -> list[Entry]:
    """Return the errors of the last 24 hours that match, of those that Overview lists."""
    groups = (await query_cache.overview.now(None)).failures if query else []
    return [
        Entry(
            "error_outline",
            group.title,
            counted(group.count, "open failure"),
            partial(ui.navigate.to, to),
        )
        for group in groups
        for to in [f"/failures/{group.fingerprint}"]
        for text in [f"{group.title} {group.message} {' '.join(group.kinds)}".lower()]
        if all(word in text for word in query.lower().split())
    ]


def _search(query: str) -> list[Entry]:
    text = query.strip()
    address = address_of(text)
    people = f"/users?{urlencode({'q': text})}"
    return [
        Entry("search", f"Search {what} for {text}", "go", partial(ui.navigate.to, to))
        for what, to in (("jobs", address), ("users", people))
        if text
    ]
