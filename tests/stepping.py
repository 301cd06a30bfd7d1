"""A PostgreSQL whose clock steps: functions of the same names stand before the server's own in the search path."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import psycopg
from sqlalchemy import make_url

from core import clock

_NAMES = ("now", "statement_timestamp", "clock_timestamp", "transaction_timestamp")
_FUNCTION = """CREATE FUNCTION public.{name}() RETURNS timestamptz LANGUAGE sql STABLE
    AS 'SELECT pg_catalog.{name}() + (SELECT ahead FROM public.clock_step)'"""


class SteppingClock:
    """The clock of one database, as connections to `url` read it; all others read the server's own."""

    def __init__(self, url: str, connection: psycopg.Connection) -> None:
        self.url = make_url(url).update_query_dict({"options": "-csearch_path=public,pg_catalog"}).render_as_string()
        self._connection = connection

    def step(self, by: timedelta) -> None:
        """Put the clock forward, or back."""
        self._connection.execute("UPDATE public.clock_step SET ahead = ahead + %s", [by])


@contextmanager
def stepping_clock(url: str) -> Iterator[SteppingClock]:
    """Let the clock of a database step, in this block."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE public.clock_step AS SELECT interval '0' AS ahead")
        for name in _NAMES:
            connection.execute(_FUNCTION.format(name=name))
        yield SteppingClock(url, connection)
        clock._least = clock._most = None  # other tests have a clock that never stepped
        for name in _NAMES:
            connection.execute(f"DROP FUNCTION public.{name}()")
        connection.execute("DROP TABLE public.clock_step")
