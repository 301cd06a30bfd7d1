"""The filter language: what a text means, the text of a filter, and refusals that say where and what was meant."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import clock
from core.diagnosis.done_again import Redone
from core.diagnosis.situation import Situation
from core.errors import Invalid, NotAFilter
from core.job_list import language
from core.job_list.filters import JobFilter, YesNo
from core.job_list.ranges import NumberRange, SpanRange
from core.jobs.labels import Label
from core.models import JobStatus

NEXT = "2026-11-21T00:00:00+00:00"
DAY = "2026-11-20T00:00:00+00:00"


@pytest.mark.parametrize(
    ("text", "params"),
    [
        ("status:failed,queued", {"status": "failed,queued"}),
        ("status:(failed OR queued)", {"status": "failed,queued"}),
        ('status:("failed", queued)', {"status": "failed,queued"}),
        ("Status:failed AND kind:demo.*", {"status": "failed", "kind": "demo.*"}),
        ("-status:succeeded,cancelled", {"status": "failed,queued,running"}),
        ("status:failed,queued -status:queued", {"status": "failed"}),
        ("NOT kind:demo.* -kind:a", {"not_kind": "a,demo.*"}),
        ("-queue:maintenance -user:ana", {"not_queue": "maintenance", "not_user": "ana"}),
        ("created:<1h", {"created": "<1h"}),
        ("created:>=90m", {"created": ">90m"}),
        ("took:30s..2min waited:>1h30m", {"took": "30s..2m", "waited": ">90m"}),
        ("attempt:>1", {"attempt": ">1"}),
        ("attempt:>=2", {"attempt": ">1"}),
        ("attempt:2", {"attempt": "2"}),
        ("attempt:<=3", {"attempt": "<4"}),
        ("created:2026-11-20", {"created_after": DAY, "created_before": NEXT}),
        ("created:2026-11-20..2026-11-22", {"created_after": DAY, "created_before": "2026-11-23T00:00:00+00:00"}),
        ("created:>2026-11-20", {"created_after": "2026-11-21T00:00:00+00:00"}),
        ("created:>=2026-11-20 created:<2026-11-21", {"created_after": DAY, "created_before": NEXT}),
        ("finished:<=2026-11-19", {"finished_before": DAY}),
        ("created:>=2026-11-20T15:02:00+01:00", {"created_after": "2026-11-20T14:02:00+00:00"}),
        ('error:"no credit"', {"error": "no credit"}),
        (r'error:"say \"no\" or C:\\x"', {"error": r'say "no" or C:\x'}),
        ("by:support reason:ticket,4711", {"by": "support", "reason": "ticket,4711"}),
        ("arg.preset:mid-tier arg.userId:7", {"arg": "preset:mid-tier userId:7"}),
        ("free words", {"q": "free words"}),
        ("ana kind:demo.enable timeout", {"kind": "demo.enable", "q": "ana timeout"}),
        ("TimeoutError: no answer", {"q": "TimeoutError: no answer"}),
        ("https://example.com/a?b=c:d", {"q": "https://example.com/a?b=c:d"}),
        ("Ana <ana@example.com> mailto:b@example.com", {"q": "Ana <ana@example.com> mailto:b@example.com"}),
        ("INSERT OR UPDATE (it's [odd])", {"q": "\"INSERT OR UPDATE (it's [odd])\""}),
        ('kind:"a b","c"', {"kind": "a b,c"}),
        ('"status:failed"', {"q": '"status:failed"'}),
        ('say "yes', {"q": 'say "yes'}),
        ("12:30 -5", {"q": "12:30 -5"}),
        ("", {}),
    ],
)  # fmt: skip
def test_a_text_means_these_parameters(text: str, params: dict[str, str]) -> None:
    assert JobFilter.from_text(text).to_params() == params


@pytest.mark.parametrize(
    "word",
    [
        *("error=5", "status=502", "reason=timeout", "user<ana@example.com>", "by<b>", "attempt==2", "attempt<>2"),
        *("took=5s", "waited>2", "-took>5s", "status=", "created=soon", "label>5", "due>1h", "ſtatus=failed"),
    ],
)
def test_pasted_words_that_look_like_comparisons_are_text(word: str) -> None:
    assert JobFilter.from_text(f"a {word} b").q == f"a {word} b"


@pytest.mark.parametrize(
    ("text", "message", "start"),
    [
        ("kined:x", "kined is not a filter; did you mean kind?", 0),
        ("ana  KINED:x", "KINED is not a filter; did you mean kind?", 5),
        ("localhost:8080", "localhost is not a filter; in quotes it is searched as text", 0),
        ("statsu:failed", "statsu is not a filter; did you mean status?", 0),
        ("status:fial", "status is one or more of queued", 0),
        ("a -status:fial", "status is one of queued", 2),
        ("status: failed", "status needs a value right after the colon", 0),
        ("status:failed OR kind:x", "OR stands only between values of one filter", 14),
        ("status:failed NOT x", "NOT stands only before a filter", 14),
        ("(status:failed OR kind:x)", "Brackets stand only around the values", 0),
        ("status:(failed AND (queued))", "Between brackets stand only values", 17),
        ("status:(failed", "The bracket is not closed", 7),
        ('error:"no credit', "The quote is not closed", 6),
        ('error:"no"credit', "A space is missing here", 10),
        ('kind:a,"b"', "Several values are all in quotes, or none is", 0),
        ("user:(ana OR ben)", "user takes one value", 0),
        ("status:failed status:queued", "status is there twice; several values are written as status:one,two", 14),
        ("user:a user:b", "user is there twice", 7),
        ("-error:x", "-error is not possible", 0),
        ("status:failed -status:failed", "No status is left", 0),
        ("took:30s", "took is a range of spans", 0),
        ("took:2m..30s", "took is a range of spans", 0),
        ("took:>9999999999w", "took is a range of spans", 0),
        ("attempt:many", "attempt is a number or a range", 0),
        ("a attempt>2", 'To compare, write attempt:>2; in quotes, "attempt>2" is searched as text', 2),
        ("Took<=5s", "To compare, write took:<=5s", 0),
        ("a status=failed", "To compare, write status:failed", 2),
        ("created>=2026-11-20", "To compare, write created:>=2026-11-20", 0),
        ("waited>2m", "To compare, write waited:>2m", 0),
        ("duration>30s", "To compare, write took:>30s", 0),
        ("duration:>30s", "duration is not a filter; did you mean took?", 0),
        ("email:ana", "email is not a filter; did you mean user?", 0),
        ("age:<1h", "age is not a filter; did you mean created?", 0),
        ("since:2026-11-20", "since is not a filter; did you mean created?", 0),
        ("id:12345", "id is the id of a job, or at least its first 9 characters, not '12345'", 0),
        ('kind:"a"b', 'A space is missing here: kind:"a"b', 8),
        ("created:soon", "created is an age such as <1h", 0),
        ("created:>9999-12-31", "created is an age such as <1h", 0),
        ("arg.api_key:x", "arg.api_key is hidden", 0),
        ("arg.:x", "arg. is not a filter", 0),
        ("-arg.a:x", "arg.a takes one value", 0),
        ("x" * 2_001, "A filter has at most 2,000 characters", 2_000),
    ],
)
def test_what_is_no_filter_is_refused_with_its_place(text: str, message: str, start: int) -> None:
    with pytest.raises(NotAFilter) as refusal:
        JobFilter.from_text(text)
    assert refusal.value.detail.startswith(message)
    has_place = refusal.value.detail.endswith(f"(at character {start + 1})")
    assert (refusal.value.start, has_place) == (start, len(text.split()) > 1), "one word needs no place"
    assert set(refusal.value.fields) == {"q"}


@pytest.mark.parametrize(
    "params",
    [
        {"took": "30s"}, {"waited": "soon"}, {"attempt": "0x2"}, {"created": "2026-11-20"}, {"arg": "preset"},
        {"arg": "secret:x"}, {"by": "a\0b"}, {"not_kind": "a\0b"}, {"q": ["a", "b"]}, {"took": ["<1h", ">2h"]},
    ],
)  # fmt: skip
def test_a_parameter_that_does_not_fit_is_refused_by_its_name(params: dict[str, str]) -> None:
    with pytest.raises(Invalid) as refusal:
        JobFilter.from_params(params)
    assert set(refusal.value.fields) == set(params)


def test_what_q_says_and_a_parameter_says_otherwise_is_refused() -> None:
    with pytest.raises(NotAFilter, match="status is given in q and as a parameter"):
        JobFilter.from_params({"status": "failed", "q": "status:queued"})
    assert JobFilter.from_params({"queue": "demo", "q": "status:queued ana"}) == JobFilter.from_text(
        "ana status:queued queue:demo"
    )


@pytest.mark.parametrize(("word", "days_ago"), [("today", 0), ("YESTERDAY", 1)])
def test_today_and_yesterday_are_days_of_utc(word: str, days_ago: int) -> None:
    day = clock.now().date() - timedelta(days=days_ago)
    assert JobFilter.from_text(f"created:{word}") == JobFilter.from_text(f"created:{day}")
    assert JobFilter.from_text(f"finished:>={word}") == JobFilter.from_text(f"finished:>={day}")


@pytest.mark.parametrize("name", ["ü", "größe", "имя", "u\u0308"])
def test_the_name_of_an_argument_is_in_any_letters(name: str) -> None:
    job_filter = JobFilter.from_text(f"arg.{name}:x arg.b:y")
    assert (job_filter.q, job_filter.arg) == (None, {(name, "x"), ("b", "y")})
    assert JobFilter.from_params(job_filter.to_params()) == JobFilter.from_text(job_filter.to_text()) == job_filter
    assert JobFilter.from_text(f"{name}:x").q == f"{name}:x", "elsewhere such letters are text"


def names(values: st.SearchStrategy[str]) -> st.SearchStrategy[frozenset[str]]:
    return st.frozensets(values, max_size=3)


#: What can be stored; names are stripped, and a comma separates them in an address.
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30).map(str.strip)
NAME = st.text('ab.*-_"(\\ é:', max_size=9).map(str.strip).filter(bool)
ARGUMENT = st.from_regex(r"[a-zéя][a-zA-Z0-9_é\-]{0,8}", fullmatch=True).filter(
    lambda name: not language.is_secret(name)
)
SPAN = st.timedeltas(timedelta(), timedelta(days=9_000)).map(
    lambda span: timedelta(milliseconds=span // timedelta(milliseconds=1))
)
SPANS = st.one_of(
    st.none(),
    SPAN.map(lambda span: SpanRange(least=span)),
    SPAN.map(lambda span: SpanRange(most=span)),
    st.tuples(SPAN, SPAN).map(sorted).map(lambda ends: SpanRange(*ends)),
)
NUMBER = st.integers(0, 1_000)
NUMBERS = st.one_of(
    st.none(),
    NUMBER.map(lambda number: NumberRange(least=number)),
    NUMBER.map(lambda number: NumberRange(most=number)),
    st.tuples(NUMBER, NUMBER).map(sorted).map(lambda ends: NumberRange(*ends)),
)
MOMENT = st.one_of(
    st.none(),
    st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - they get one
    st.dates(datetime(2000, 1, 1).date(), datetime(2100, 1, 1).date()).map(  # noqa: DTZ001 - a day
        lambda day: datetime(day.year, day.month, day.day, tzinfo=UTC)
    ),
)
OPTIONAL = st.one_of(st.none(), TEXT.map(lambda text: text or None))
WORDS = TEXT.map(lambda text: " ".join(text.split()) or None)
FILTERS = st.builds(
    JobFilter,
    status=st.frozensets(st.sampled_from(JobStatus)), label=st.frozensets(st.sampled_from(Label)),
    situation=st.frozensets(st.sampled_from(Situation)), kind=names(NAME), queue=names(NAME), not_kind=names(NAME),
    not_queue=names(NAME), user=OPTIONAL, not_user=OPTIONAL, error=OPTIONAL, by=OPTIONAL, reason=OPTIONAL,
    id=st.sampled_from([None, str(UUID(int=9)), "019a2b3c-4"]),
    connection=st.sampled_from([None, UUID(int=7)]), other_than=st.sampled_from([None, UUID(int=8)]),
    q=st.one_of(st.none(), WORDS), created=SPANS, finished=SPANS, took=SPANS, waited=SPANS, attempt=NUMBERS,
    created_after=MOMENT, created_before=MOMENT, finished_after=MOMENT, finished_before=MOMENT,
    bulk=st.sampled_from([None, UUID(int=5)]), from_bulk=st.sampled_from([None, UUID(int=6)]),
    due=st.sampled_from([None, *YesNo]), redone=st.sampled_from([None, *Redone]),
    arg=st.dictionaries(ARGUMENT, TEXT.filter(bool), max_size=2).map(lambda each: frozenset(each.items())),
)  # fmt: skip


@given(FILTERS)
def test_each_filter_is_read_from_its_text_and_from_its_parameters(job_filter: JobFilter) -> None:
    assert JobFilter.from_text(job_filter.to_text()) == job_filter
    assert JobFilter.from_params(job_filter.to_params()) == job_filter


@given(st.one_of(TEXT, st.text('ab:"()\\ -,ORAND<>', max_size=20)))
def test_each_text_is_read_or_refused_and_what_is_read_stays_the_same(text: str) -> None:
    try:
        job_filter = JobFilter.from_text(text)
    except Invalid:
        return
    assert JobFilter.from_text(job_filter.to_text()) == job_filter


@given(WORDS)
def test_words_in_quotes_are_never_a_filter(words: str | None) -> None:
    assert JobFilter.from_params(JobFilter(q=words).to_params()).but(q=None) == JobFilter()


def test_each_field_of_a_filter_can_be_written() -> None:
    written_otherwise = {"q", "arg", "created_after", "created_before", "finished_after", "finished_before"}
    negated = {f"not_{name}" for name in language.NEGATABLE}
    assert set(language.QUALIFIERS) - {"arg."} | negated | written_otherwise == set(JobFilter.model_fields)
