"""Answers of the demo service that cannot be used: each ends in one sentence that a person can act on."""

import gzip
import re

import pytest

from core.errors import GiveUp
from tests.demo.fake_service import FakeService, ask, body, changed, in_page, send, status, well

SEE = "See docs/demo-service.md for the expected format."


def endless(handler, query):
    handler.send_response(200)
    handler.send_header("Connection", "close")
    handler.end_headers()
    while not handler.fake.over.is_set():
        handler.wfile.write(b" " * 65_536)


def misfit(reason):
    return f"sent an invalid response ({reason}). {SEE}"


NOW = {
    "404": (status(404), "has no preset nano (404). Choose another, or check DEMO_SERVICE_URL."),
    "401": (status(401), "refused the credentials (401). Check the password in DEMO_SERVICE_URL."),
    "403": (status(403), "refused the credentials (403). Check the password in DEMO_SERVICE_URL."),
    "400": (status(400), f"refused the request (400). {SEE}"),
    "206": (status(206), f"refused the request (206). {SEE}"),
    "too large": (endless, f"sent more than 5 MB in one response. {SEE}"),
    "6 MB": (body(b'"' + b"x" * 6_000_000 + b'"'), f"sent more than 5 MB in one response. {SEE}"),
    "NUL in a text": (
        in_page("interactions", 0, "body", "a\x00b"),
        misfit("interactions.0.body: it contains a NUL character, which PostgreSQL cannot store"),
    ),
    "NUL in a handle": (
        in_page("connections", 0, "handle", "a\x00b"),
        misfit("connections.0.handle: it contains a NUL character, which PostgreSQL cannot store"),
    ),
    "another preset": (in_page("preset", "macro"), misfit("preset is not nano, as requested")),
    "another start": (in_page("start", 7), misfit("start is 7, requested was 0")),
    "unknown kind": (
        in_page("interactions", 0, "kind", "spam"),
        misfit("interactions.0.kind: Input should be 'comment', 'message' or 'mention'"),
    ),
    "unknown connection": (
        in_page("interactions", 1, "connection", 1),
        misfit("interactions.1.connection: there is no connection 1"),
    ),
    "from the future": (
        in_page("interactions", 2, "created_at", "2026-11-22T18:20:03.123457+00:00"),
        misfit("interactions.2.created_at is not between since and requested_at"),
    ),
    "too old": (
        in_page("interactions", 2, "created_at", "2026-08-24T23:59:59+00:00"),
        misfit("interactions.2.created_at is not between since and requested_at"),
    ),
    "the year one": (
        in_page("interactions", 2, "created_at", "0001-01-01T00:00:00+14:00"),
        misfit("interactions.2.created_at is not between since and requested_at"),
    ),
    "time without zone": (
        in_page("interactions", 0, "created_at", "2026-11-01T00:00:00"),
        misfit("interactions.0.created_at: Input should have timezone info"),
    ),
    "too long a text": (
        in_page("interactions", 0, "body", "x" * 5_001),
        misfit("interactions.0.body: String should have at most 5000 characters"),
    ),
    "number as text": (in_page("start", "0"), misfit("start: Input should be a valid integer")),
    "too much in all": (
        in_page("totals", "interactions", 100_001),
        misfit("totals.interactions: Input should be less than or equal to 100000"),
    ),
    "nothing in it": (
        changed(lambda content: content.update(connections=[], interactions=[])),
        misfit("it has 0 rows, expected were 1 to 5"),
    ),
    "more than asked for": (
        changed(lambda content: content["interactions"].append(content["interactions"][0])),
        misfit("it has 6 rows, expected were 1 to 5"),
    ),
    "a connection too many": (
        changed(lambda content: content.update(connections=content["connections"] * 2, interactions=[])),
        misfit("all connections must come before the first interaction"),
    ),
}


@pytest.mark.parametrize("case", NOW)
def test_a_permanent_failure_fails_at_once(case):
    answer, sentence = NOW[case]
    with FakeService(answer) as service, pytest.raises(GiveUp) as caught:
        ask(service.url)
    assert str(caught.value) == f"The demo service at {service.url} {sentence}"
    assert len(service.seen) == 1


@pytest.mark.parametrize(
    "garbage",
    [b"", b"<html>oops</html>", b"[]", b"null", b'{"preset": "nano"', b"\xff\xfe", b"[" * 100_000, b"1" * 10_000],
)
def test_garbage_is_refused(garbage):
    with FakeService(body(garbage)) as service, pytest.raises(GiveUp, match=re.escape("invalid response (")) as caught:
        ask(service.url)
    assert "oops" not in str(caught.value)
    assert len(str(caught.value)) < 300


def test_half_a_surrogate_pair_is_refused():
    with (
        FakeService(in_page("interactions", 0, "body", "\ud800")) as service,
        pytest.raises(GiveUp, match=re.escape("invalid response (Invalid JSON: ")),
    ):
        ask(service.url)


def test_a_packed_answer_is_refused_before_it_is_unpacked():
    packed = gzip.compress(b" " * 50_000_000)
    answer = lambda handler, query: send(handler, 200, packed, Content_Encoding="gzip")  # noqa: E731
    with FakeService(answer) as service, pytest.raises(GiveUp, match="sent a compressed response"):
        ask(service.url)


def test_totals_that_change_on_the_way_are_refused():
    grown = in_page("totals", "interactions", 61)
    with FakeService(well, grown) as service, pytest.raises(GiveUp, match="totals differ"):
        ask(service.url)


def test_totals_below_what_was_sent_before_are_refused():
    with (
        FakeService(in_page("totals", "interactions", 10)) as service,
        pytest.raises(GiveUp, match=re.escape("totals add up to 11 rows, fewer than already sent (21)")),
    ):
        ask(service.url, start=21)


@pytest.mark.parametrize("case", NOW)
def test_no_error_shows_a_traceback_or_what_the_service_wrote(case):
    with FakeService(NOW[case][0]) as service, pytest.raises(GiveUp) as caught:
        ask(service.url)
    assert "Traceback" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
