"""Hosted use, as docs/hosting.md describes it: a journey through nginx, and a rolling restart under load."""

import json
import re
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.browsing import a_browser
from tests.hosted.stack import POSTGRES, Hosted, hosted, missing
from tests.waiting import eventually

pytestmark = [pytest.mark.hosted, pytest.mark.skipif(missing() is not None, reason=missing() or "")]
CREATORS = 400
COOKIE = "__Host-unstuck"


@pytest.fixture(scope="module")
def stack() -> Iterator[Hosted]:
    with tempfile.TemporaryDirectory(prefix="unstuck-hosted-") as folder, hosted(Path(folder)) as stack:
        stack.run("sample", "--users", str(CREATORS), "--jobs", "500")
        yield stack


def creators(stack: Hosted) -> list[str]:
    """Return the ids of creators whose demo mode is off."""
    return [str(row[0]) for row in stack.rows("SELECT id FROM users WHERE demo_mode_status = 'disabled' ORDER BY id")]


@pytest.fixture
def client(stack: Hosted, request: pytest.FixtureRequest) -> Iterator[httpx.Client]:
    """Add an admin for this test, and return a client that used the printed link through nginx."""
    printed = stack.run("operators", "add", f"admin-{len(request.node.name)}@example.com", "--role", "admin")
    path = printed[printed.index("/login/") :].split()[0].rstrip('",')
    with httpx.Client(base_url=stack.url, verify=False, timeout=60) as client:
        assert client.post(path).status_code == 303
        assert COOKIE in client.cookies
        yield client


def test_an_admin_signs_in_enables_watches_and_cancels_through_the_proxy(stack: Hosted, client: httpx.Client) -> None:
    stack.run("queues", "pause", "demo", "--reason", "to watch one wait")
    try:
        answer = client.post(f"/api/users/{creators(stack)[0]}/operations/demo.enable", json={"preset": "nano"})
        job = answer.json()["job_id"]
        with a_browser() as browser, browser.new_context(ignore_https_errors=True) as context:
            context.add_cookies([{"name": COOKIE, "value": client.cookies[COOKIE], "url": stack.url, "secure": True}])
            page = context.new_page()
            page.goto(f"{stack.url}/jobs/{job}")
            page.wait_for_load_state("networkidle")
            cancelled = page.get_by_text(re.compile("cancelled", re.IGNORECASE))
            assert cancelled.count() == 0
            assert client.post(f"/api/jobs/{job}/cancel", json={"reason": "seen enough"}).is_success
            cancelled.first.wait_for(timeout=30_000)  # it came over the socket, through nginx
    finally:
        stack.run("queues", "resume", "demo")
    assert client.get("/metrics").status_code == 404


def test_no_job_and_no_request_is_lost_while_each_process_is_restarted(stack: Hosted, client: httpx.Client) -> None:
    targets, ended = creators(stack), threading.Event()
    accepted: list[str] = []
    lost: list[str] = []

    def press(share: list[str]) -> None:
        with httpx.Client(base_url=stack.url, verify=False, timeout=60, cookies=client.cookies) as own:
            for target in share:
                if ended.is_set():
                    return
                try:
                    answer = own.post(f"/api/users/{target}/operations/demo.enable", json={"preset": "nano"})
                    read = own.get("/api/jobs", params={"limit": 5})
                except httpx.HTTPError as error:
                    lost.append(repr(error))
                    continue
                if not (answer.is_success and read.is_success):
                    lost.append(f"{answer.status_code} {answer.text[:200]}, {read.status_code}")
                else:
                    accepted.append(answer.json()["job_id"])
                ended.wait(0.3)

    people = [threading.Thread(target=press, args=(targets[number::2],)) for number in range(2)]
    for person in people:
        person.start()
    for port, console in stack.consoles.items():
        console.stop()
        stack.start_console(port)
    for worker in stack.workers:
        worker.stop()
        worker.start()
    ended.set()
    for person in people:
        person.join(60)
    assert (lost, len(accepted) > 10) == ([], True), (json.dumps(lost, indent=1), len(accepted))
    unfinished = "SELECT id FROM background_jobs WHERE status IN ('queued', 'running')"
    eventually(lambda: stack.rows(unfinished) == [], within=120)
    succeeded = {str(row[0]) for row in stack.rows("SELECT id FROM background_jobs WHERE status = 'succeeded'")}
    assert set(accepted) - succeeded == set()
    stack.run("doctor")


def test_a_restored_backup_works_with_its_key(stack: Hosted) -> None:
    dump = stack.folder / "unstuck.dump"
    for command in (
        ["pg_dump", "--format=custom", f"--file={dump}", stack.server],
        ["createdb", f"--maintenance-db={stack.admin}", "--owner=unstuck", "--template=template0", "unstuck_restored"],
        ["pg_restore", "--no-owner", "--exit-on-error", f"--dbname={stack.server}_restored", dump],
    ):
        done = subprocess.run([POSTGRES[0] / command[0], *command[1:]], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    restored = Hosted(stack.folder, environment=stack.environment | {"DATABASE_URL": f"{stack.server}_restored"})
    assert "at head" in restored.run("migrate", "--check")
    restored.run("audit", "verify")
    restored.run("doctor")
