"""The remote demo service: for every behaviour of it, the rows are right or the error says what to do."""

import logging
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from core.demo import remote
from core.demo.generator import batches
from core.demo.presets import Preset
from core.errors import GiveUp, TryAgain
from core.models import AttemptOutcome, JobStatus
from core.operations import demo
from core.settings import settings
from tests import driving
from tests.demo.driving import AT, a_user, demo_rows, drive
from tests.demo.fake_service import FakeService, ask, status, well
from tests.waiting import eventually


def silent(handler, query):
    handler.fake.over.wait(30)


def drip(handler, query):
    handler.send_response(200)
    handler.send_header("Content-Length", "1000000")
    handler.end_headers()
    for _ in range(200):
        if handler.fake.over.wait(0.02):
            break
        handler.wfile.write(b" ")
    handler.close_connection = True


def hang_up(handler, query):
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b"{")
    handler.close_connection = True


@pytest.mark.parametrize("preset", [Preset.NANO, Preset.MID_TIER])
def test_a_service_that_keeps_to_the_protocol_gives_its_rows(preset):
    with FakeService(well) as service:
        assert ask(service.url, preset) == list(batches(preset, "job-1", AT, 0))


def test_resumed_at_any_page_it_goes_on_as_if_undisturbed():
    whole = list(batches(Preset.NANO, "job-1", AT, 0))
    with FakeService(well) as service:
        for number, batch in enumerate(whole):
            assert ask(service.url, start=batch.start) == whole[number:]
        assert ask(service.url, start=whole[-1].end) == []


def test_each_request_names_its_rows_and_has_its_own_idempotency_key():
    with FakeService(well) as service:
        ask(service.url + "/demo/")
    path, query, headers = service.seen[1]
    assert path == "/demo/interactions"
    assert query == {
        "preset": "nano",
        "seed": "job-1",
        "start": "5",
        "limit": "5",
        "since": "2026-08-25T00:00:00+00:00",
        "requested_at": AT.isoformat(),
    }
    assert (headers["Idempotency-Key"], headers["Accept-Encoding"]) == ("job-1:5", "identity")
    assert len({headers["Idempotency-Key"] for _, _, headers in service.seen}) == len(service.seen) == 13


LATER = {
    "500": (status(500), "answered with an error (500)."),
    "503": (status(503), "answered with an error (503)."),
    "429": (status(429), "answered with an error (429)."),
    "408": (status(408), "answered with an error (408)."),
    "hangs up": (hang_up, "closed the connection early."),
    "silent": (silent, "did not answer within 0.3 s."),
    "drip": (drip, "did not answer within 0.3 s."),
}


@pytest.mark.parametrize("case", LATER)
def test_a_temporary_failure_is_tried_again(case):
    answer, sentence = LATER[case]
    with FakeService(answer) as service, pytest.raises(TryAgain) as caught:
        ask(service.url, seconds=0.3)
    assert str(caught.value) == f"The demo service at {service.url} {sentence}"


def test_a_service_that_is_not_there_is_tried_again(monkeypatch):
    monkeypatch.setattr(remote, "RECONNECTS", 0)
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # bound, not listening: refused
        url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        with pytest.raises(TryAgain) as caught:
            ask(url)
    assert str(caught.value) == (f"The demo service at {url} did not answer: no connection.")


def test_a_step_tries_three_times_before_it_fails(monkeypatch):
    knocks, pauses = [], []

    def refused(*_, **__):
        knocks.append(1)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", refused)
    monkeypatch.setattr("httpcore2.SyncBackend.sleep", lambda _, seconds: pauses.append(seconds))
    with pytest.raises(TryAgain):
        ask("http://127.0.0.1:1")
    assert (len(knocks), pauses) == (3, [0, 0.5])


def test_an_attempt_after_a_500_goes_on_where_the_last_one_ended(session, monkeypatch):
    user = a_user(session)
    form = demo.EnableForm(preset=Preset.NANO)
    with FakeService(well, well, status(500), well) as service:
        monkeypatch.setenv("DEMO_SERVICE_URL", service.url)
        settings.cache_clear()
        with pytest.raises(TryAgain):
            drive(session, demo.enable, user, form)
        session.rollback()
        assert len(demo_rows(session, user)) == 10
        ended = drive(session, demo.enable, user, form, done=10)
    monkeypatch.undo()
    settings.cache_clear()
    assert ended.result == {"preset": "nano", "interactions": 60, "connections": 1}
    there = demo_rows(session, user)
    demo.wipe(demo.Work(session, user, form, "job-1", 0, AT))
    drive(session, demo.enable, user, form)
    assert there == demo_rows(session, user)


def test_a_redirect_is_not_followed():
    with (
        FakeService(well) as other,
        FakeService(status(302, Location=other.url)) as service,
        pytest.raises(GiveUp) as caught,
    ):
        ask(service.url)
    assert str(caught.value) == (
        f"The demo service at {service.url} redirects to another address (302). Set DEMO_SERVICE_URL to that one."
    )
    assert other.seen == []


def test_a_proxy_of_the_machine_is_not_used(monkeypatch):
    with FakeService(well) as proxy, FakeService(well) as service:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        ask(service.url)
        assert (len(proxy.seen), len(service.seen)) == (0, 13)


def test_the_password_is_sent_and_never_shown(caplog):
    caplog.set_level(logging.DEBUG)
    with FakeService(well, status(401)) as service, pytest.raises(GiveUp) as caught:
        ask(f"http://ann:s3cr%2Fet@{service.netloc}")
    assert service.seen[0][2]["Authorization"] == "Basic YW5uOnMzY3IvZXQ="
    assert str(caught.value).startswith(f"The demo service at http://{service.netloc} ")
    for secret in ("s3cr", "ann:", "YW5uOnMz"):
        assert secret not in str(caught.value) + caplog.text


@pytest.mark.parametrize(
    "url",
    [
        *("localhost:9", "ftp://host", "file:///etc/passwd", "http://", "http://h:99999", "//host", "http://a b"),
        *(
            "http://host/?key=s3cret",
            "http://host/#s3cret",
            "http://[::1",
            "http://a..b",
            f"http://{'s3cret' * 20}.example",
            "s3cret",
        ),
    ],
)
def test_an_address_that_cannot_be_used_is_refused_without_showing_it(url):
    with pytest.raises(GiveUp) as caught:
        ask(url)
    assert str(caught.value) == (
        "DEMO_SERVICE_URL is invalid: it must look like https://host:port/path, without ? or #."
    )


def drip_headers(handler, query):
    handler.send_response(200)
    while not handler.fake.over.wait(0.05):
        handler.send_header("X-Slow", "1")
        handler.flush_headers()
    handler.close_connection = True


def test_headers_that_come_byte_by_byte_have_an_end(monkeypatch):
    monkeypatch.setattr(remote, "CONNECTING", 0.1)
    with FakeService(drip_headers) as service, pytest.raises(TryAgain, match=r"did not answer within 0\.3 s"):
        ask(service.url, seconds=0.3)


def test_a_cancel_ends_a_call_that_hangs_long_before_its_own_limit(engine, monkeypatch):
    monkeypatch.setenv("UNSTUCK_DEMO_SERVICE_TIMEOUT_SECONDS", "600")
    user = driving.prepare(engine, demo.enable)
    job_id = driving.ask(engine, demo.enable, user, {"preset": "nano"})
    with FakeService(well, silent) as service, ThreadPoolExecutor(1) as pool:
        monkeypatch.setenv("DEMO_SERVICE_URL", service.url)
        settings.cache_clear()
        attempt = pool.submit(driving.run_next, engine)
        eventually(lambda: len(service.seen) == 2)
        driving.ask_to_cancel(engine, job_id)
        outcome = attempt.result(10)
    monkeypatch.undo()
    settings.cache_clear()
    assert outcome is AttemptOutcome.CANCELLED
    assert driving.job_row(engine, job_id).status is JobStatus.CANCELLED
    assert driving.picture(engine, user)["interactions"] == []
