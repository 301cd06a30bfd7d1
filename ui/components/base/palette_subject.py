"""What the palette offers for what the page is about, or what was pasted: one job, one user."""

import re
from functools import partial
from typing import Final
from uuid import UUID

from sqlmodel import Session

from core.commands.registry import COMMANDS
from core.job_list.rows import Row, rows_by_id
from ui import access
from ui.components.base.palette_entry import Entry
from ui.components.base.palette_people import do_nothing, user_entries
from ui.components.jobs.job_actions import ICONS, run_command, why_not

#: The subject of an address: a page of its own, or a job that is open beside the list.
_SUBJECT: Final = re.compile(r"/(jobs|users)(?:/|\?(?:.*&)?job=)([0-9a-f-]{36})(?![0-9a-f-])")


async def subject_entries(address: str) -> list[Entry]:
    """Return what this person can do now with the job or user that the page at an address is about."""
    match = _SUBJECT.match(address)
    if match is None:
        return []
    of = job_entries if match[1] == "jobs" else user_entries
    try:
        return await of(UUID(match[2]))
    except ValueError:
        return []


async def job_entries(job_id: UUID, *, name: str = "this job") -> list[Entry]:
    """Return what this person can do now with a job; nothing for one that is not there."""
    rows = await access.load(_row, job_id)
    return [
        Entry(icon, f"{COMMANDS[command].label} {name}…", "do", partial(run_command, command, rows, do_nothing))
        for command, icon in ICONS.items()
        if rows and why_not(command, rows) is None
    ]


def _row(session: Session, job_id: UUID) -> list[Row]:
    return rows_by_id(session, [job_id])
