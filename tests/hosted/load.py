"""People who press and read all the time, through nginx, and note every answer."""

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

from tests.hosted.stack import Hosted
from tests.waiting import eventually

COOKIE = "__Host-unstuck"
#: What a console may answer while no server accepts writes; nothing was changed then.
_AWAY = re.compile("read-only since|does not respond")
#: Seconds between two presses of a person, and while so many jobs wait that a slow machine does not keep up.
PAUSE, LONG_PAUSE, BACKLOG = 0.3, 3.0, 20


@dataclass
class Load:
    """What people got; times are of the monotonic clock."""

    accepted: list[str] = field(default_factory=list)
    #: Answers that say that the database is away, and when they came.
    refused: list[tuple[float, str]] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)

    def note(self, answer: httpx.Response) -> bool:
        """Note one answer; return whether it is a success."""
        if answer.is_success:
            return True
        if answer.status_code == 503 and _AWAY.search(answer.text):
            self.refused.append((time.monotonic(), answer.text))
        else:
            self.lost.append(f"{answer.status_code} {answer.text[:200]}")
        return False


def creators(stack: Hosted) -> list[str]:
    """Return the ids of creators whose demo mode is off."""
    return [str(row[0]) for row in stack.rows("SELECT id FROM users WHERE demo_mode_status = 'disabled' ORDER BY id")]


@contextmanager
def pressing(stack: Hosted, cookie: str) -> Iterator[Load]:
    """Let two people press and read until the block ends; afterwards nothing is lost, and each accepted job is done."""
    load, ended, targets = Load(), threading.Event(), creators(stack)

    def press(share: list[str]) -> None:
        with httpx.Client(base_url=stack.url, verify=False, timeout=60, cookies={COOKIE: cookie}) as own:
            pause = PAUSE
            for target in share:
                if ended.wait(pause):
                    return
                try:
                    answer = own.post(f"/api/users/{target}/operations/demo.enable", json={"preset": "nano"})
                    if load.note(answer):
                        load.accepted.append(answer.json()["job_id"])
                    waiting = own.get("/api/jobs", params={"status": "queued", "limit": BACKLOG})
                    if load.note(waiting):
                        pause = PAUSE if len(waiting.json()["items"]) < BACKLOG else LONG_PAUSE
                except httpx.HTTPError as error:
                    load.lost.append(repr(error))

    people = [threading.Thread(target=press, args=(targets[number::2],)) for number in range(2)]
    for person in people:
        person.start()
    try:
        yield load
    finally:
        ended.set()
        for person in people:
            person.join(90)
    assert not load.lost, load.lost  # pytest shows nothing of an assertion outside of a test file
    assert len(load.accepted) > 10
    unfinished = "SELECT id FROM background_jobs WHERE status IN ('queued', 'running')"
    eventually(lambda: stack.rows(unfinished) == [], within=120)
    succeeded = {str(row[0]) for row in stack.rows("SELECT id FROM background_jobs WHERE status = 'succeeded'")}
    assert set(load.accepted) - succeeded == set()
    stack.run("doctor")
