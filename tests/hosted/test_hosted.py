"""Hosted use, as docs/hosting.md describes it: a journey through nginx, and a rolling restart under load."""

import re
import subprocess

import httpx
import pytest

from tests.browsing import a_browser
from tests.hosted.database import POSTGRES
from tests.hosted.load import COOKIE, creators, pressing
from tests.hosted.stack import Hosted, Installation

pytestmark = pytest.mark.hosted


def test_an_admin_signs_in_enables_watches_and_cancels_through_the_proxy(
    stack: Installation, client: httpx.Client
) -> None:
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


def test_consoles_answer_probes_under_any_name_and_the_proxy_hides_the_metrics(
    stack: Installation, client: httpx.Client
) -> None:
    for port in stack.consoles:
        for path in ("healthz", "readyz", "metrics"):
            answer = httpx.get(f"http://127.0.0.1:{port}/{path}", headers={"Host": "10.0.0.9:8080"}, timeout=60)
            assert answer.status_code == 200, (path, answer.text)
    assert client.get("/metrics").status_code == 404
    assert client.get("/readyz", headers={"Host": "10.0.0.9"}).status_code == 200


def test_no_job_and_no_request_is_lost_while_each_process_is_restarted(stack: Installation, cookie: str) -> None:
    with pressing(stack, cookie) as load:
        for port, console in stack.consoles.items():
            console.stop()
            stack.start_console(port)
        for worker in stack.workers:
            worker.stop()
            worker.start()
    assert load.refused == []


def test_a_restored_backup_works_with_its_key(stack: Installation) -> None:
    dump = stack.folder / "unstuck.dump"
    admin = stack.database.admin
    commands: tuple[list[str], ...] = (
        ["pg_dump", "--format=custom", f"--file={dump}", stack.straight],
        ["createdb", f"--maintenance-db={admin}", "--owner=unstuck", "--template=template0", "unstuck_restored"],
        ["pg_restore", "--no-owner", "--exit-on-error", f"--dbname={stack.straight}_restored", str(dump)],
    )
    for program, *arguments in commands:
        done = subprocess.run([POSTGRES[0] / program, *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    restored = Hosted(stack.folder, stack.environment | {"DATABASE_URL": f"{stack.straight}_restored"})
    assert "at head" in restored.run("migrate", "--check")
    restored.run("audit", "verify")
    restored.run("doctor")
