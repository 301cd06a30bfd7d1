"""The audit log: changes made by people, newest first, with filters and export."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from sqlmodel import Session

from core.audit.chain.seal import Head, head
from core.audit.search import COUNTED, AuditFilter, AuditResults, count, find_events
from core.audit.undoing import Inverse, undoable
from core.errors import Invalid
from core.models import Role
from core.wording import counted
from ui import access
from ui.components.base.box import Part, box, keep_roughly_fresh, link, text
from ui.components.base.empty import empty
from ui.components.people.audit_filters import AuditFilterFields
from ui.components.people.audit_line import draw_audit_line
from ui.console_pages import note_address

#: Lines per page.
LINES: Final = 50
#: Seconds between two refreshes while things change.
REFRESH_SECONDS: Final = 2.0


async def draw(
    who: str = "", what: str = "", user: str = "", since: str = "", until: str = "", q: str = "", after: str = ""
) -> None:
    """Draw the audit log with the filter in the URL."""
    params = {"who": who, "what": what, "user": user, "since": since, "until": until, "q": q}
    if after and not after.isdecimal():
        raise Invalid("Unknown position in the URL.", {"after": "Use the number of an event."})
    await AuditPage(AuditFilter.from_params(params), int(after[:18]) if after else None).begin()


class AuditPage:
    """The filter, the lines, and links to older ones."""

    def __init__(self, audit_filter: AuditFilter, before: int | None) -> None:
        self._filter = audit_filter
        self._before = before
        self._inverses: Mapping[int, Inverse] = {}
        with box("screen padded audit") as self.screen:
            with box("headline"):
                text("Audit", tag="h1")
                text("Changes made in the console, the API and the CLI.", "muted")
                box("grow")
                self._files: Part[AuditFilter] = Part(_draw_files, "hbox")
            AuditFilterFields(audit_filter, self._apply_filter)
            with box("panel", "section").props('aria-label="Audit log"'):
                with box("title"):
                    text("Earlier" if before else "Newest first", "strong")
                    self._number = text("", "muted")
                    box("grow")
                    self._seal = text("", "muted")
                self._lines: Part[AuditResults] = Part(self._draw_lines)

    async def begin(self) -> None:
        """Show the log and keep it fresh."""
        await self.refresh()
        keep_roughly_fresh(self.screen, self.refresh, seconds=REFRESH_SECONDS)

    async def refresh(self) -> None:
        """Load the log again and show what changed."""
        position = (self._filter, self._before)
        page, number, self._inverses, sealed = await access.load_for(Role.ADMIN, _read, self._filter, self._before)
        if self.screen.is_deleted or position != (self._filter, self._before):
            return
        self._number.set_text(f"more than {COUNTED:,}" if number > COUNTED else counted(number, "entry", "entries"))
        last = f", the last one #{sealed.event_id}" if sealed.position else ""
        self._seal.set_text(f"{counted(sealed.position, 'entry', 'entries')} sealed in all{last}")
        self._files.show(self._filter, key=self._filter)
        shown = [line.id for line in page.lines], set(self._inverses)
        self._lines.show(page, key=(position, shown, page.next, page.archived_before))

    async def _apply_filter(self, audit_filter: AuditFilter) -> None:
        self._filter, self._before = audit_filter, None
        note_address(_address(audit_filter), change="typed")
        await self.refresh()

    def _draw_lines(self, page: AuditResults) -> None:
        if not page.lines:
            _draw_empty(self._filter)
        with box("rows audit", "ol"):
            for line in page.lines:
                draw_audit_line(line, self._inverses.get(line.id), self.refresh)
        if page.archived_before and not page.next:
            with box("pager"):
                text(f"Archive files hold entries up to {page.archived_before:%Y-%m-%d %H:%M} UTC.", "muted")
        if self._before or page.next:
            with box("pager"):
                if self._before:
                    link(_address(self._filter), label="Back to the newest")
                box("grow")
                if page.next:
                    link(_address(self._filter, after=page.next), label="Older entries")


def _draw_files(audit_filter: AuditFilter) -> None:
    for file_format, name in (("csv", "CSV"), ("jsonl", "JSON lines")):
        element = link(
            f"/api/audit/export?{urlencode({'format': file_format, **audit_filter.to_params()})}",
            "btn file",
            f"Export {name}",
        )
        element.props["download"] = f"audit.{file_format}"
        element.props["aria-label"] = f"Export this list as {name}"


def _draw_empty(audit_filter: AuditFilter) -> None:
    if audit_filter == AuditFilter():
        empty("policy", "No changes yet", "Every change that people make is recorded here for good.")
    else:
        empty("search_off", "No matching entries", "Remove a filter or widen the time range.")


def _read(
    session: Session, audit_filter: AuditFilter, before: int | None
) -> tuple[AuditResults, int, Mapping[int, Inverse], Head]:
    page = find_events(session, audit_filter, limit=LINES, before=before)
    return page, count(session, audit_filter), undoable(session, page.lines), head(session)


def _address(audit_filter: AuditFilter, **more: Any) -> str:
    query = urlencode({**audit_filter.to_params(), **more})
    return f"/audit?{query}" if query else "/audit"
