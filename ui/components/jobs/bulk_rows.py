"""The rows of a bulk action's set: those of one outcome, or all in their order, by the window."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, NamedTuple
from uuid import UUID

from markupsafe import Markup
from sqlmodel import Session

from core.bulk.listing import bulk_rows
from core.bulk.words import done_word, outcomes_of
from core.database.window import Window
from core.errors import Invalid
from core.jobs.whose import Whose, whose
from core.models import BulkAction, BulkRow, RowOutcome
from ui.components.base.box import Part, box
from ui.components.base.kind_words import kind_words
from ui.components.base.markup import anchor, lines, set_html, tagged, title, words
from ui.components.base.pager import Pager

#: Rows at once.
SHOWN: Final = 50
_ALL: Final = "all"


class ShownRows(NamedTuple):
    """A window of the rows of one outcome, None: of all, and what each is about."""

    outcome: RowOutcome | None
    rows: Window[BulkRow]
    about: Mapping[UUID, Whose]


class RowsPanel:
    """The panel of the rows of an outcome in the address; else of those that were not done, if there are any."""

    def __init__(self, chosen: str, refresh: Callable[[], Awaitable[None]]) -> None:
        """`chosen`: an outcome as the address has it. Raises Invalid for another one."""
        if chosen not in ("", _ALL, *RowOutcome):
            raise Invalid("Unknown rows in the URL.", {"outcome": f"Use one of {', '.join((_ALL, *RowOutcome))}."})
        self._chosen = chosen
        with box("panel", "section").props('aria-label="Rows"'):
            self._title: Part[str] = Part(lambda name: title(name))
            self._choice = box("hbox wrap body").props('role=group aria-label="Which rows"')
            self._lines: Part[tuple[BulkAction, ShownRows]] = Part(_draw_lines)
            self._pager = Pager("rows", refresh)

    def read(self, session: Session, bulk: BulkAction) -> ShownRows:
        """Return the rows that are shown now."""
        outcome = RowOutcome(self._chosen) if self._chosen in list(RowOutcome) else None
        if not self._chosen:
            outcome = RowOutcome.FAILED if bulk.failed else RowOutcome.SKIPPED if bulk.skipped else None
        rows = bulk_rows(session, bulk.id, outcome, SHOWN, self._pager.start)
        return ShownRows(outcome, rows, whose(session, [row.target for row in rows]))

    def show(self, bulk: BulkAction, shown: ShownRows) -> None:
        """Show them, and what else there is to choose."""
        names = dict(zip(RowOutcome, outcomes_of(bulk), strict=True))
        name = names[shown.outcome].capitalize() if shown.outcome else "All"
        self._title.show(name, key=name)
        choices = [_choice(bulk, None, _ALL, bulk.total, is_this=shown.outcome is None)]
        for outcome, (word, number) in zip(RowOutcome, outcomes_of(bulk).items(), strict=True):
            if number or outcome is shown.outcome:
                choices.append(_choice(bulk, outcome, word, number, is_this=outcome is shown.outcome))
        set_html(self._choice, *choices)
        states = tuple((row.position, row.outcome) for row in shown.rows)
        self._lines.show((bulk, shown), key=(states, bulk.status))
        self._pager.show(shown.rows)


def _choice(bulk: BulkAction, outcome: RowOutcome | None, name: str, number: int, *, is_this: bool) -> Markup:
    current = {"aria_current": "true"} if is_this else {}
    count = tagged("span", f"{number:,}", classes="n")
    return anchor(f"/bulk/{bulk.id}?outcome={outcome or _ALL}", words(name), count, classes="chip", **current)


def _draw_lines(shown: tuple[BulkAction, ShownRows]) -> None:
    bulk, (_, rows, about) = shown
    lines([_line(bulk, row, about.get(row.target)) for row in rows], "rows left")


def _line(bulk: BulkAction, row: BulkRow, about: Whose | None) -> Markup:
    """Return what a row is, whose, and what became of it: why it was not done, or the job that was started."""
    end, kind = str(row.target)[-12:], about.kind if about else None
    return tagged(
        "div",
        anchor(f"/jobs/{row.target}", kind_words(kind), classes="clip") if kind else words(end, "mono muted clip"),
        anchor(f"/users/{about.user_id}", words(about.email or end), classes="clip strong")
        if about and about.user_id
        else words("no user" if kind else "", "muted"),
        _end_of(bulk, row),
        classes="row-line",
    )


def _end_of(bulk: BulkAction, row: BulkRow) -> Markup:
    if row.job_id:
        return anchor(f"/jobs/{row.job_id}", words(done_word(bulk)))
    if row.outcome is RowOutcome.APPLIED:
        return words(done_word(bulk))
    return words(row.why, "" if row.why else "muted")
