"""The state of an error that jobs fail with: open, ignored, resolved, or back after that.

It is computed when it is read, from the last decision of a person and the failures since; no job has to end an
ignore. It says something of the error, never of a job or a user: those stay failed until their work is done.
"""

from enum import StrEnum
from functools import cache
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import ColumnElement


class ErrorState(StrEnum):
    """What an error is for people now."""

    OPEN = "open"
    #: It was resolved, and jobs have failed with it since.
    REGRESSION = "regression"
    #: Nobody wants to hear of it: for good, or until what was said has come.
    IGNORED = "ignored"
    RESOLVED = "resolved"


#: The states in which an error needs nobody.
SETTLED: Final = (ErrorState.IGNORED, ErrorState.RESOLVED)

#: The failures that count against the decision `s`: those that finished after it. Of an error that is resolved in a
#: version, only those of workers of another version than the old ones; one that is not on record is another.
FAILURES_SINCE: Final = """
    SELECT j.id, j.finished_at FROM background_jobs j
    WHERE j.error_fingerprint = s.fingerprint AND j.status = 'failed' AND j.finished_at > s.decided_at
      AND (s.old_versions IS NULL OR NOT EXISTS (
          SELECT FROM workers w WHERE w.id = j.worker_id AND w.version = ANY (s.old_versions)))
"""
#: The first of what an ignore waits for ends it; more failures than so many within an hour do so at any time since.
_STATES: Final = f"""
    SELECT s.fingerprint, CASE
        WHEN s.decision = 'resolved' THEN
            CASE WHEN EXISTS ({FAILURES_SINCE}) THEN 'regression' ELSE 'resolved' END
        WHEN s.decision = 'ignored'
            AND (s.until IS NULL OR s.until > statement_timestamp())
            AND (s.until_count IS NULL
                OR (SELECT count(*) FROM ({FAILURES_SINCE} LIMIT s.until_count) further) < s.until_count)
            AND (s.until_per_hour IS NULL OR NOT EXISTS (
                SELECT FROM (SELECT finished_at - lag(finished_at, s.until_per_hour) OVER (ORDER BY finished_at) AS span
                             FROM ({FAILURES_SINCE}) since) spans WHERE span <= interval '1 hour'))
            THEN 'ignored'
        ELSE 'open' END AS state
    FROM failure_states s
"""  # noqa: S608 - constants of ours


def error_state(fingerprint: Any) -> ColumnElement[str]:
    """Return the SQL expression of the state of the error with this fingerprint, a column of the query around it."""
    own = sa.select(_states().c.state).where(_states().c.fingerprint == fingerprint)
    return sa.func.coalesce(own.correlate_except(_states()).scalar_subquery(), ErrorState.OPEN.value)


def is_settled_error(fingerprint: Any) -> ColumnElement[bool]:
    """Return the SQL condition that an error is ignored or resolved, and not back."""
    return error_state(fingerprint).in_([each.value for each in SETTLED])


@cache
def _states() -> sa.Subquery:
    columns = (sa.column("fingerprint", sa.Text()), sa.column("state", sa.Text()))
    return sa.text(_STATES).columns(*columns).subquery("error_states")
