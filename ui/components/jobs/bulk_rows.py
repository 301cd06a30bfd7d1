"""The rows of a bulk action's set: those of one outcome, or all in their order, by the window."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Final, NamedTuple
from uuid import UUID

from markupsafe import Markup
from sqlmodel import Session

from core.bulk.acts import starts_jobs
from core.bulk.listing import bulk_rows
from core.bulk.words import RowsOf, done_word, outcomes_of
from core.database.window import Window
from core.errors import Invalid
from core.job_list.addresses import jobs_with
from core.jobs.whose import Whose, whose
from core.models import BulkAction, BulkRow, RowOutcome
from core.models.bulk import noun_of
from ui.components.base.box import Part, box
from ui.components.base.kind_words import kind_words
from ui.components.base.markup import anchor, lines, set_html, tagged, title, with_links, words
from ui.components.base.pager import Pager

#: Rows at once.
SHOWN: Final = 50
_ALL: Final = "all"


class ShownRows(NamedTuple):
    """A window of these rows, None: of all, and what each is about."""

    which: RowsOf | None
    rows: Window[BulkRow]
    about: Mapping[UUID, Whose]


class RowsPanel:
    """The panel of the rows that the address says; else of those that were not done, if there are any as it opens."""

    def __init__(self, chosen: str, refresh: Callable[[], Awaitable[None]]) -> None:
        """`chosen`: which rows, as the address has it. Raises Invalid for others."""
        if chosen not in ("", _ALL, *RowsOf):
            raise Invalid("Unknown rows in the URL.", {"outcome": f"Use one of {', '.join((_ALL, *RowsOf))}."})
        self._chosen = chosen
        with box("panel", "section").props('aria-label="Rows"'):
            self._title: Part[str] = Part(lambda name: title(name))
            self._choice = box("hbox wrap body").props('role=group aria-label="Which rows"')
            self._lines: Part[tuple[BulkAction, ShownRows]] = Part(_draw_lines)
            self._pager = Pager("rows", refresh)

    def read(self, session: Session, bulk: BulkAction) -> ShownRows:
        """Return the rows that are shown now."""
        if not self._chosen:  # only now: they stay under the eyes of who reads them
            self._chosen = RowsOf.FAILED if bulk.failed else RowsOf.SKIPPED if bulk.skipped else _ALL
        which = None if self._chosen == _ALL else RowsOf(self._chosen)
        rows = bulk_rows(session, bulk.id, which, SHOWN, self._pager.start)
        return ShownRows(which, rows, whose(session, [row.target for row in rows]))

    def show(self, bulk: BulkAction, shown: ShownRows) -> None:
        """Show them, and what else there is to choose."""
        outcomes = outcomes_of(bulk)
        name = outcomes[shown.which][0].capitalize() if shown.which else "All"
        self._title.show(name, key=name)
        choices = [_choice(bulk, _ALL, _ALL, bulk.total, is_this=shown.which is None)]
        for which, (word, number) in outcomes.items():
            is_begun = which is not RowsOf.NOT_TRIED or bulk.looked_at
            if (number and is_begun) or which is shown.which:
                choices.append(_choice(bulk, which, word, number, is_this=which is shown.which))
        set_html(self._choice, *choices, *_as_jobs(bulk))
        states = tuple((row.position, row.outcome) for row in shown.rows)
        self._lines.show((bulk, shown), key=(states, bulk.status))
        self._pager.show(shown.rows)


def _as_jobs(bulk: BulkAction) -> Iterator[Markup]:
    """Yield the ways to the list of jobs, which has those that were not deleted, to filter and act on them."""
    if noun_of(bulk.command) == "job":
        yield anchor(jobs_with({"bulk": str(bulk.id)}), words("these jobs in Jobs"))
    if bulk.applied and starts_jobs(bulk.command):
        yield anchor(jobs_with({"from_bulk": str(bulk.id)}), words("the jobs it started"))


def _choice(bulk: BulkAction, which: str, name: str, number: int, *, is_this: bool) -> Markup:
    current = {"aria_current": "true"} if is_this else {}
    count = tagged("span", f"{number:,}", classes="n")
    return anchor(f"/bulk/{bulk.id}?outcome={which}", words(name), count, classes="chip", **current)


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
    return with_links(row.why)
