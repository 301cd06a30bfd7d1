"""Whose jobs a filter finds by a part of a name or address, with and without indexes of their letters."""

from collections.abc import Iterator

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy import text
from sqlmodel import Session

from core.database.engine import connect
from core.database.letters import INDEXES, are_indexed, contain_words
from core.job_list.filters import JobFilter
from core.job_list.people import people
from core.job_list.queries import page
from core.models import BackgroundJob, User
from core.people.users import find_users
from tests.engine.test_job_queries import nodes
from tests.migrations.conftest import databases

PEOPLE = {
    "ana": ("ana@example.com", "Ana Ruiz"),
    "dian": ("d.anaya@example.com", "Dian Ångström"),
    "kim": ("k@else.example", "Lee, Kim Łukasz"),
    "odd": ("50%_off@example.org", None),
}
FOUND = [
    ("user:ana", "ana"), ("user:aya@", "dian"), ("user:RUIZ", "ana"), ("user:angstrom", "dian"), ("user:kasz", "kim"),
    ('user:"kim lee"', "kim"), ('user:"kim ana"', ""), ("user:%_off", "odd"), ("user:%", ""), ("user:im", ""),
    ("user:example", "ana dian kim odd"), ("-user:ruiz", "dian kim odd"), ("by:luka", "kim"), ("ruiz", "ana"),
    ("lukasz", "kim"), ("by:nobody", ""), ("user:nobody", ""), ("user:%_o", ""),
]  # fmt: skip


@pytest.fixture(params=["indexed", "read in turn"])
def owners(session: Session, request: pytest.FixtureRequest) -> dict[str, str]:
    """Give each person a job of their own; return whose each one is."""
    if request.param != "indexed":
        for name in INDEXES.values():
            session.connection().execute(text(f"DROP INDEX {name}"))
    assert are_indexed(session) == (request.param == "indexed")
    owners = {}
    for name, (email, full) in PEOPLE.items():
        session.add(user := User(email=email, name=full))
        session.flush()
        values = {"kind": "demo.enable", "queue": "demo", "user_id": user.id, "requested_by": user.id}
        session.add(job := BackgroundJob(**values))
        session.flush()
        owners[str(job.id)] = name
    return owners


def test_any_part_of_an_address_or_name_finds_a_persons_jobs(session: Session, owners: dict[str, str]) -> None:
    for asked, whose in FOUND:
        shown = page(session, JobFilter.from_text(asked))
        assert " ".join(sorted(owners[row["id"]] for row in shown.items)) == whose, asked


@pytest.mark.usefixtures("owners")
def test_any_part_finds_a_user_and_one_letter_does_too(session: Session) -> None:
    for asked, emails in (("kasz", ["k@else.example"]), ("łu", ["k@else.example"]), ("anaya", ["d.anaya@example.com"])):
        assert [line.email for line in find_users(session, asked)] == emails, asked


@pytest.mark.usefixtures("owners")
@pytest.mark.parametrize("search", [",", ", ,", "---"])
def test_text_without_a_word_finds_nobody(session: Session, search: str) -> None:
    assert find_users(session, search) == []
    for empty in ("\u200b\u200b\u200b", "\x00"):
        assert session.execute(sa.select(people(session, empty).c.id)).all() == []


@pytest.fixture(scope="module")
def crowd(server: str, template: str) -> Iterator[str]:
    with databases(server) as make:
        with psycopg.connect(url := make(template), autocommit=True) as connection:
            connection.execute(
                "INSERT INTO users (id, email, name) SELECT gen_random_uuid(), md5(i::text) || '@example.com',"
                " 'Name ' || md5('n' || i) FROM generate_series(1, 50000) i"
            )
            connection.execute("VACUUM ANALYZE users")
        yield url


@pytest.mark.slow
@pytest.mark.parametrize("part", ["d8a9c2", "nosuchname", "Name nosuch", "an@nowhere", "c81e728d9d4c2f6"])
def test_a_part_that_few_or_none_have_reads_few_of_many_users(crowd: str, part: str) -> None:
    engine = connect(crowd)
    with Session(engine) as session:
        is_named = contain_words(session, part, User.email, User.name)
        read = str(is_named.compile(engine, compile_kwargs={"literal_binds": True}))
        explain = f"EXPLAIN (ANALYZE, FORMAT JSON) SELECT id FROM users WHERE {read}"
        (answer,) = session.connection().exec_driver_sql(explain.replace("%%", "%").replace("%", "%%")).one()
        for node in nodes(answer[0]["Plan"]):
            assert node["Actual Rows"] + node.get("Rows Removed by Filter", 0) < 1_000, node
    engine.dispose()


@pytest.mark.slow
def test_a_part_that_most_have_is_not_looked_for_in_the_index(crowd: str) -> None:
    engine = connect(crowd)
    with Session(engine) as session:
        common, rare = (str(contain_words(session, each, User.email)) for each in ("example", "nosuchname"))
        assert "CASE" in common
        assert "CASE" not in rare
    engine.dispose()
