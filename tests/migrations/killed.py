"""A migrator that dies at a chosen moment, as by kill -9.

`python -m tests.migrations.killed URL TRANSACTION STATEMENT`

TRANSACTION counts the revisions this process applies, from 1; STATEMENT counts within it, 0 stands for the commit.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, event

from migrations import run
from tests.migrations.schema import SECRET

KILLED = 137
COMMIT = 0


@contextmanager
def watched(note: Callable[[int, int], None]) -> Iterator[None]:
    """Call `note(transaction, statement)` before each statement and commit of a migrating transaction."""
    at = [0, 0]

    def before_statement(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if "pg_advisory_xact_lock(" in statement:
            at[:] = [at[0] + 1, 0]
        at[1] += 1
        note(at[0], at[1])

    def before_commit(_connection: Any) -> None:
        note(at[0], COMMIT)

    event.listen(Engine, "before_cursor_execute", before_statement)
    event.listen(Engine, "commit", before_commit)
    try:
        yield
    finally:
        event.remove(Engine, "before_cursor_execute", before_statement)
        event.remove(Engine, "commit", before_commit)


def migrate(url: str) -> int:
    """Upgrade to head, and return the number of revisions applied."""
    return len(run.finish(url, secret=SECRET).steps)


def main(url: str, transaction: int, statement: int) -> None:
    def note(now_in: int, now_at: int) -> None:
        if (now_in, now_at) == (transaction, statement):
            os._exit(KILLED)

    with watched(note):
        run.finish(url, secret=SECRET)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
