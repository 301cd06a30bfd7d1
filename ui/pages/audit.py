"""The audit log: what people did, newest first, narrowed by fields and taken along as a file."""

from typing import Any, Final
from urllib.parse import urlencode

from nicegui import ui

from core.audit.search import COUNTED, AuditFilter, AuditResults, count, find_events
from core.errors import Invalid
from core.models import Role
from core.wording import counted
from ui import access
from ui.components.base.box import Part, box, keep_roughly_fresh, link, text
from ui.components.base.empty import empty
from ui.components.people.audit_filters import TrailFilters
from ui.components.people.audit_line import draw_trail_line
from ui.console_pages import note_address

#: Lines of a page.
LINES: Final = 50
#: Seconds between two looks while things change.
LOOK_AGAIN: Final = 2.0


async def draw(
    who: str = "", what: str = "", user: str = "", since: str = "", until: str = "", q: str = "", after: str = ""
) -> None:
    """Draw the audit log as the address asks for it."""
    ui.page_title("Audit · Unstuck")
    given = {"who": who, "what": what, "user": user, "since": since, "until": until, "q": q}
    if after and not after.isdecimal():
        raise Invalid("The address does not fit.", {"after": "It is the number of an event."})
    await AuditPage(AuditFilter.from_params(given), int(after[:18]) if after else None).begin()


class AuditPage:
    """The fields, the lines, and the way to older ones."""

    def __init__(self, wanted: AuditFilter, before: int | None) -> None:
        self._wanted = wanted
        self._before = before
        with box("screen padded audit") as self.screen:
            with box("headline"):
                text("Audit", tag="h1")
                text("What people did, here, by API and by command line.", "muted")
                box("grow")
                self._files: Part[AuditFilter] = Part(_draw_files, "hbox")
            TrailFilters(wanted, self._narrow)
            with box("panel", "section").props('aria-label="Audit log"'):
                with box("title"):
                    text("Earlier" if before else "Newest first", "strong")
                    self._number = text("", "muted")
                self._lines: Part[AuditResults] = Part(self._draw_lines)

    async def begin(self) -> None:
        """Show what is asked for now, and keep it fresh."""
        await self.refresh()
        keep_roughly_fresh(self.screen, self.refresh, seconds=LOOK_AGAIN)

    async def refresh(self) -> None:
        """Look again."""
        asked = (self._wanted, self._before)
        page = await access.load_for(Role.ADMIN, find_events, self._wanted, limit=LINES, before=self._before)
        number = await access.load_for(Role.ADMIN, count, self._wanted)
        if self.screen.is_deleted or asked != (self._wanted, self._before):
            return
        self._number.set_text(f"more than {COUNTED:,}" if number > COUNTED else counted(number, "entry", "entries"))
        self._files.show(self._wanted, key=self._wanted)
        self._lines.show(page, key=(asked, [line.id for line in page.lines], page.next))

    async def _narrow(self, wanted: AuditFilter) -> None:
        self._wanted, self._before = wanted, None
        note_address(_address(wanted))
        await self.refresh()

    def _draw_lines(self, page: AuditResults) -> None:
        if not page.lines:
            _draw_nothing(self._wanted)
        with box("rows trail", "ol"):
            for line in page.lines:
                draw_trail_line(line)
        if self._before or page.next:
            with box("pager"):
                if self._before:
                    link(_address(self._wanted), words="Back to the newest")
                box("grow")
                if page.next:
                    link(_address(self._wanted, after=page.next), words="Older entries")


def _draw_files(wanted: AuditFilter) -> None:
    for form, name in (("csv", "CSV"), ("jsonl", "JSON lines")):
        made = link(
            f"/api/audit/export?{urlencode({'format': form, **wanted.to_params()})}", "btn file", f"Export {name}"
        )
        made.props["download"] = f"audit.{form}"
        made.props["aria-label"] = f"Export this list as {name}"


def _draw_nothing(wanted: AuditFilter) -> None:
    if wanted == AuditFilter():
        empty("policy", "Nobody has done anything yet", "Whatever people change is kept here, for good.")
    else:
        empty("search_off", "Nothing fits", "Take a filter away, or look at a longer time.")


def _address(wanted: AuditFilter, **more: Any) -> str:
    query = urlencode({**wanted.to_params(), **more})
    return f"/audit?{query}" if query else "/audit"
