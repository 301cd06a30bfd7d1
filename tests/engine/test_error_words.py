"""Errors as people read them first, and as groups: plain sentences without what differs."""

import time

import pytest

from core.jobs.error_words import group_title, headline
from core.jobs.failure import fingerprint

UUID_TEXT = "01a22491-c205-7615-9dcc-7460e40c86c0"


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (
            '(psycopg.errors.UniqueViolation) duplicate key value violates unique constraint "users_email_key"\nx',
            "The database refused a duplicate (users_email_key).",
        ),
        (
            'IntegrityError: duplicate key value violates unique constraint "pk": id 7 exists.',
            "The database refused a duplicate (pk).",
        ),
        (
            'null value in column "kind" of relation "jobs" violates not-null constraint',
            "The database refused a row without a value (kind).",
        ),
        (
            "deadlock detected: process 1 waits.",
            "The database ended a deadlock: two transactions waited for each other.",
        ),
        ("worker lost 3 times: it kills.", "Worker lost 3 times: it kills."),
        ("no credit for request 9\nmore", "no credit for request 9"),
        ("ValueError: no such file", "ValueError: no such file"),
        ("bigint out of range", "The database refused a number that is too large (bigint)."),
        ("IndexError: index out of range", "IndexError: index out of range"),
        ("demo.enable", "demo.enable"),
        (" \n", "no error was recorded"),
    ],
)
def test_an_error_of_the_database_or_the_engine_is_a_sentence_and_others_keep_their_words(
    error: str, sentence: str
) -> None:
    assert headline(error) == sentence


@pytest.mark.parametrize(
    ("error", "title"),
    [
        ("answered 503 to request 88113; it is deployed", "answered 503 to request …; it is deployed"),
        ("request 4f3a9 of ana@x.example", "request … of …"),
        (f"job {UUID_TEXT} at 0x7f3a", "job … at …"),
        ("GET https://api.example.com/v1/items/17?x=2, gone", "GET https://api.example.com/…, gone"),
        ("no file '/tmp/a 1' in \"name\", it can't", "no file '…' in \"name\", it can't"),
        ("Key (email)=(a b) in row 7 of 12,345", "Key (email)=(…) in row … of …"),
        ("No answer from http://127.0.0.1:52613/v1 in 20000 ms", "No answer from http://127.0.0.1:52613/… in … ms"),
        ("facade of a decade within 1 s", "facade of a decade within 1 s"),
        ("expired at 2026-11-29T14:02:11.5Z, retry", "expired at …, retry"),
        ("closed 2026-11-29 14:02:11+00:00 (14:05)", "closed … (…)"),
        ("no answer after 3.217 s from 10.0.0.1:80, v1.4", "no answer after … s from 10.0.0.1:80, v1.4"),
    ],
)
def test_a_groups_title_has_no_part_that_differs(error: str, title: str) -> None:
    assert group_title(error) == title


def test_failures_that_differ_by_an_id_or_an_address_are_one_group_and_others_keep_theirs() -> None:
    ids, addresses = ("9f3ab91c7d", "99ab12ffd0"), ("ana@x.example", "b.c@y.example")
    for values in (ids, addresses, (UUID_TEXT, UUID_TEXT.replace("7", "8")), (UUID_TEXT[:13], "01a2249a-b1c5")):
        assert len({fingerprint("X", f"no answer for {each}") for each in values}) == 1
    # As earlier releases made them.
    assert fingerprint("X", "no 7 of 0x12f, v1.2 at postgresql://a@db.example/x, code abc1") == "a7a3a4785fb10bb6"
    assert fingerprint("X", f"worker lost 3 times: job {UUID_TEXT}") == "8baa7467932ff43b"


def test_a_long_word_is_no_burden() -> None:
    began = time.process_time()
    fingerprint("X", "a" * 8_000)
    group_title("a" * 8_000)
    assert time.process_time() - began < 0.2
