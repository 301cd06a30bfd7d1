"""SQL that servers older than ours do not read, of which ours says nothing: PostgreSQL 16 and newer demand less.

All tests without a browser run on another server with `make others POSTGRES=/usr/lib/postgresql/15/bin`, as in
`.ci/run` where there is one; this test runs everywhere.
"""

import re
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parent.parent
#: Where a subquery begins among the tables of a statement, and what makes the next word no name of it.
_BEGINS: Final = re.compile(r"(?:FROM|JOIN|LATERAL)\s*\(\s*(?:SELECT|VALUES)\b")
_NO_NAME: Final = re.compile(
    r"\s*(?:$|[^\s\w\"]|(?:WHERE|GROUP|ORDER|LIMIT|LEFT|INNER|CROSS|JOIN|ON|FOR|UNION|HAVING|RETURNING|SET)\b)"
)


def nameless(sql: str) -> list[str]:
    """Return the beginnings of subqueries in FROM that have no alias."""
    found = []
    for match in _BEGINS.finditer(sql):
        start = sql.index("(", match.start())
        depth = 0
        for end in range(start, len(sql)):
            depth += {"(": 1, ")": -1}.get(sql[end], 0)
            if depth == 0:
                break
        if _NO_NAME.match(sql, end + 1):
            found.append(sql[start : start + 60])
    return found


@pytest.mark.parametrize("folder", ["core", "migrations", "tasks", "ui"])
def test_each_subquery_in_from_has_a_name(folder: str) -> None:
    found = {path.name: nameless(path.read_text()) for path in sorted((ROOT / folder).rglob("*.py"))}
    assert {name: each for name, each in found.items() if each} == {}


@pytest.mark.parametrize(
    ("sql", "is_found"),
    [
        ("FROM workers, LATERAL (SELECT greatest(a, (b)) AS lease) WHERE x", True),
        ("FROM (VALUES (1))", True),
        ("FROM (SELECT 1) AS one WHERE x", False),
        ("LEFT JOIN LATERAL (SELECT (1)) one ON true", False),
    ],
)
def test_a_subquery_without_a_name_is_found(sql: str, is_found: bool) -> None:
    assert bool(nameless(sql)) is is_found
