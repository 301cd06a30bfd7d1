"""A program and a database of different releases: processes say what to run, or wait for it."""

import threading
from collections.abc import Callable, Iterator

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, text

import main
from core import schema
from core.database.engine import connect
from core.errors import Unusable
from core.settings import settings
from migrations import revisions
from tests.api.conftest import api
from tests.waiting import eventually
from ui import access
from ui.api import probes

OLDER = "UPDATE unstuck_version SET version_num = '0012'"
NEWER = "UPDATE unstuck_version SET version_num = '9999'"
SHAPELESS = "ALTER TABLE users RENAME COLUMN demo_preset TO old_preset"


@pytest.fixture
def own_url(template: str, make_database: Callable[..., str]) -> str:
    """Return a migrated database of this test's own, whose schema it may change."""
    return make_database(template)


@pytest.fixture
def own(own_url: str) -> Iterator[Engine]:
    engine = connect(own_url)
    yield engine
    engine.dispose()


def change(engine: Engine, statement: str) -> None:
    with engine.begin() as connection:
        connection.execute(text(statement))


def ready(engine: Engine) -> tuple[int, str]:
    application = api()
    access.use(engine)
    probes._readiness._flight = None  # the answer of before is good for a second
    with TestClient(application, base_url="http://localhost") as client:
        answer = client.get("/readyz")
    return answer.status_code, answer.text


def test_the_program_knows_its_own_revisions() -> None:
    after = revisions.between(schema.OLDEST, revisions.head())
    assert revisions.head() == schema.REVISION, "write the new revision into core/schema.py"
    assert all(revision.summary.startswith("Post") for revision in after), "the program needs its last pre revision"


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        (OLDER, "at revision 0012, and this program needs"),
        (SHAPELESS, "lacks the column users.demo_preset"),
        ("DROP TABLE unstuck_version", "has no tables of Unstuck yet"),
    ],
    ids=["older", "shape", "empty"],
)
def test_readyz_says_what_the_database_lacks_and_what_to_run(own: Engine, statement: str, message: str) -> None:
    assert ready(own)[0] == 200
    change(own, statement)
    status, answer = ready(own)
    assert (status, message in answer, "unstuck migrate" in answer) == (503, True, True), answer


def test_a_running_console_stays_ready_when_the_database_becomes_newer(own: Engine) -> None:
    change(own, NEWER)
    assert ready(own)[0] == 200


@pytest.mark.parametrize("verb", ["serve", "worker"])
@pytest.mark.parametrize(("statement", "message"), [(OLDER, "needs"), (NEWER, "newer than this program")])
def test_no_process_starts_on_a_database_of_another_release(
    own: Engine, own_url: str, monkeypatch: pytest.MonkeyPatch, statement: str, message: str, verb: str
) -> None:
    change(own, statement)
    monkeypatch.setenv("DATABASE_URL", own_url)
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1")
    monkeypatch.setenv("UNSTUCK_SECRET_KEY", "a-secret-for-tests-and-for-nothing-else")
    settings.cache_clear()
    try:
        with pytest.raises(Unusable, match=message):
            main.serve(port=0) if verb == "serve" else main.worker()
    finally:
        settings.cache_clear()


def test_a_process_that_waits_says_so_once_and_starts_when_the_database_fits(
    own: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "PAUSE", 0.01)
    change(own, OLDER)
    said: list[str] = []
    waiting = threading.Thread(target=schema.require_fit, args=(own, said.append))
    waiting.start()
    eventually(lambda: len(said) == 1)
    change(own, f"UPDATE unstuck_version SET version_num = '{schema.REVISION}'")
    waiting.join(10)
    assert (waiting.is_alive(), len(said)) == (False, 1)
