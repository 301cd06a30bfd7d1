"""The message of an upgrade that refuses, and the state of demo mode after one that does not."""

import pytest

from core.errors import Unusable
from migrations import run
from tests.migrations.schema import SECRET, by_id, rows, schema_of

#: Two of the legacy product's users: Vera is in demo mode, Omar is not.
VERA, OMAR = "19f9919c-895f-47b3-a6b9-4c7f9118bb16", "3898d190-f9eb-4acc-8cb1-e29c658cda14"
DEMO_USERS = 38


def refusal(url: str) -> str:
    """Return the message of an upgrade that refuses; it changed nothing, and check reports the same."""
    before = schema_of(url), by_id(url, "users")
    with pytest.raises(Unusable) as refused:
        run.finish(url, secret=SECRET)
    assert (schema_of(url), by_id(url, "users")) == before
    blocking = [str(finding) for finding in run.check(url, secret=SECRET, to_finish=True) if finding.blocks]
    assert "\n".join(blocking) == str(refused.value)
    return str(refused.value)


def statuses(url: str) -> dict[str, int]:
    counted = rows(url, "SELECT demo_mode_status AS status, count(*) AS users FROM users GROUP BY 1")
    return {row["status"]: row["users"] for row in counted}
