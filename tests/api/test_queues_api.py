"""Queues, kinds and schedules through the API: admins steer, others look."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from fastapi.testclient import TestClient

from core import clock
from core.models import Role, User

SignIn = Callable[[Role], tuple[TestClient, User]]


def test_an_admin_pauses_and_resumes_a_queue_and_everyone_sees_why(signed_in: SignIn) -> None:
    client, admin = signed_in(Role.ADMIN)
    viewer, _ = signed_in(Role.VIEWER)
    assert client.post("/api/queues/demo/pause", json={"reason": "deploying"}).status_code == 200
    [queue] = [q for q in viewer.get("/api/queues").json()["items"] if q["name"] == "demo"]
    assert (queue["paused_by"], queue["paused_reason"]) == (admin.email, "deploying")
    assert client.post("/api/queues/demo/pause", json={"reason": "again"}).status_code == 409
    assert client.post("/api/queues/demo/pause").json()["errors"][0]["field"] == "reason"
    assert client.post("/api/queues/demo/resume").status_code == 200
    assert client.post("/api/queues/nowhere/pause", json={"reason": "deploying"}).status_code == 404


@pytest.mark.parametrize("path", ["/api/queues/demo/pause", "/api/kinds/demo.enable/pause", "/api/schedules"])
def test_support_may_see_queues_but_not_control_them(signed_in: SignIn, path: str) -> None:
    client, _ = signed_in(Role.SUPPORT)
    body = {"name": "x", "kind": "maintenance.expire_sessions", "cron": "0 3 * * *"} if path == "/api/schedules" else {}
    assert client.post(path, json=body).status_code == 403


def test_a_schedule_is_added_run_paused_and_removed(signed_in: SignIn) -> None:
    client, _ = signed_in(Role.ADMIN)
    body = {"name": "nightly", "kind": "maintenance.delete_old_jobs", "cron": "0 3 * * *", "timezone": "Europe/Berlin"}
    added = client.post("/api/schedules", json=body)
    assert (added.status_code, len(added.json()["next"])) == (201, 3)
    at = f"/api/schedules/{added.json()['id']}"
    assert client.post(f"{at}/run").json()["kind"] == "maintenance.delete_old_jobs"
    assert client.post(f"{at}/pause", json={"reason": "not tonight"}).status_code == 200
    [schedule] = client.get("/api/schedules").json()["items"]
    assert schedule["paused_at"]
    assert client.post(f"{at}/remove", json={"reason": "never again"}).status_code == 200
    assert client.get("/api/schedules").json()["items"] == []
    assert client.post(f"{at}/explode").status_code == 404


def test_a_schedule_is_edited_and_what_is_left_out_stays(signed_in: SignIn) -> None:
    client, _ = signed_in(Role.ADMIN)
    body = {"name": "nightly", "kind": "maintenance.delete_old_jobs", "cron": "0 3 * * *", "args": {"days": 90}}
    at = f"/api/schedules/{client.post('/api/schedules', json=body).json()['id']}"
    edited = client.post(f"{at}/edit", json={"cron": "30 4 * * *", "reason": "it is busy at three"})
    assert (edited.status_code, len(edited.json()["next"])) == (200, 3)
    [schedule] = client.get("/api/schedules").json()["items"]
    assert (schedule["cron"], schedule["args"], schedule["name"]) == ("30 4 * * *", {"days": 90}, "nightly")
    assert client.post(f"{at}/edit", json={"cron": "30 4 * * *"}).status_code == 409
    assert client.post(f"{at}/edit", json={"cron": "often"}).json()["errors"][0]["field"] == "cron"
    assert client.post(f"{at}/edit", json={"name": "daily"}).status_code == 422


def test_a_past_time_is_previewed_and_backfilled_once(signed_in: SignIn) -> None:
    client, _ = signed_in(Role.ADMIN)
    body = {"name": "nightly", "kind": "maintenance.delete_old_jobs", "cron": "0 3 * * *"}
    at = f"/api/schedules/{client.post('/api/schedules', json=body).json()['id']}/backfill"
    until = clock.now().replace(hour=3, minute=0, second=0, microsecond=0) - timedelta(days=1)
    days = {"since": (until - timedelta(days=4)).isoformat(), "until": until.isoformat()}
    viewer, _ = signed_in(Role.VIEWER)
    said = viewer.get(at, params=days).json()
    assert (said["count"], said["already"]) == (5, 0)
    assert [datetime.fromisoformat(said[end]) for end in ("first", "last")] == [until - timedelta(days=4), until]
    assert client.post(at, json=days).json()["errors"][0]["field"] == "reason"
    assert client.post(at, json={**days, "reason": "it was down", "at_most": 4}).status_code == 409
    done = client.post(at, json={**days, "reason": "it was down", "at_most": said["count"]})
    assert (done.status_code, done.json()["requested"], done.json()["already"]) == (202, 5, 0)
    assert client.post(at, json={**days, "reason": "again"}).json()["requested"] == 0
    assert client.get(at, params=days).json() == {"count": 0, "already": 5, "first": None, "last": None}
    assert client.get("/api/jobs", params={"q": "reason:down"}).json()["total"]["value"] == 5
    future = {**days, "until": (clock.now() + timedelta(days=1)).isoformat()}
    assert client.get(at, params=future).json()["errors"][0]["field"] == "until"


def test_a_bad_cron_expression_is_refused_with_an_example(signed_in: SignIn) -> None:
    client, _ = signed_in(Role.ADMIN)
    answer = client.post("/api/schedules", json={"name": "n", "kind": "maintenance.expire_sessions", "cron": "daily"})
    assert answer.status_code == 422
    assert "0 3 * * *" in answer.text


def test_metrics_include_queues_and_the_database(signed_in: SignIn, anonymous: TestClient) -> None:
    text = anonymous.get("/metrics").text
    assert "unstuck_database_up 1.0" in text
    assert 'unstuck_queue_jobs{label="waiting",queue="demo"} 0.0' in text
