"""Keeping all rows of a database, and bringing them back."""

from collections.abc import Callable

from sqlalchemy import Engine

from tests import driving


def keep_rows(engine: Engine) -> Callable[[], None]:
    """Keep all rows, and return a function that brings them back: for each round of a sweep over checkpoints."""
    with engine.begin() as connection:
        names, cursor = driving.tables_of(connection), connection.connection.cursor()
        kept = {}
        for name in names:
            with cursor.copy(f"COPY {name} TO STDOUT") as rows:
                kept[name] = b"".join(rows)

    def bring_back() -> None:
        with engine.begin() as connection:
            driving.delete_all(connection, names)
            cursor = connection.connection.cursor()
            for name in (name for name, rows in kept.items() if rows):
                with cursor.copy(f"COPY {name} FROM STDIN") as rows:
                    rows.write(kept[name])

    return bring_back
