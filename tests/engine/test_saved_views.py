"""Views of the list of jobs: one's own, shared ones, and those that everyone has."""

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from sqlalchemy import Engine
from sqlmodel import Session

from core.actor import Actor
from core.commands.gateway import CommandRequest, perform
from core.database.engine import session_scope
from core.errors import Invalid, NotAllowed, NotFound, NotPermitted
from core.job_list import views
from core.job_list.columns import columns_of
from core.job_list.filters import JobFilter
from core.job_list.views import BUILT_IN, views_of
from core.models import ListColumns, Role
from tests.factories import make_user


@pytest.fixture
def people(engine: Engine) -> dict[Role, Actor]:
    with session_scope(engine) as session:
        users = {role: make_user(session, role=role) for role in (Role.VIEWER, Role.SUPPORT, Role.ADMIN)}
        return {role: Actor(user.id, user.email, role, "console") for role, user in users.items()}


def save(engine: Engine, actor: Actor, name: str, text: str = "status:failed", **more: object) -> dict:
    return perform(engine, actor, CommandRequest(name="view.save", args={"name": name, "filter": text, **more}))


def names(engine: Engine, actor: Actor) -> list[str]:
    with Session(engine) as session:
        return [line.name for line in views_of(session, actor.id) if line.id]


def test_a_view_is_its_owners_and_a_shared_one_is_everyones(engine: Engine, people: dict[Role, Actor]) -> None:
    save(engine, people[Role.SUPPORT], "mine")
    save(engine, people[Role.ADMIN], "ours", "kind:demo.* -queue:maintenance", is_shared=True)
    assert names(engine, people[Role.SUPPORT]) == ["mine", "ours"]
    assert names(engine, people[Role.VIEWER]) == ["ours"]
    with Session(engine) as session:
        line = views_of(session, people[Role.VIEWER].id)[-1]
    assert (line.href, line.saved_by) == (
        "/jobs?q=kind:demo.*+-queue:maintenance",
        people[Role.ADMIN].name,
    )


def test_saving_again_under_a_name_replaces_the_view(engine: Engine, people: dict[Role, Actor]) -> None:
    first = save(engine, people[Role.VIEWER], "slow", "took:>1m")
    again = save(engine, people[Role.VIEWER], " slow ", "took:>5m", sort="created_at")
    assert (again["id"], again["filter"]) == (first["id"], "took:>5m")
    assert again["href"] == "/jobs?q=took:%3E5m&sort=created_at"
    assert names(engine, people[Role.VIEWER]) == ["slow"]


def test_a_view_has_its_columns_each_once_and_in_their_order(engine: Engine, people: dict[Role, Actor]) -> None:
    saved = save(engine, people[Role.VIEWER], "waits", "", columns=["waited", "label", "waited"])
    assert saved["href"] == "/jobs?columns=waited,label"
    with pytest.raises(Invalid):
        save(engine, people[Role.VIEWER], "waits", "", columns=["size"])


def test_columns_are_kept_for_each_person_until_they_are_reset(engine: Engine, people: dict[Role, Actor]) -> None:
    def keep(actor: Actor, *columns: dict) -> None:
        perform(engine, actor, CommandRequest(name="columns.keep", args={"columns": list(columns)}))

    def kept(actor: Actor) -> list[dict]:
        with Session(engine) as session:
            return [each.model_dump() for each in columns_of(session, actor.id)]

    viewer, admin = people[Role.VIEWER], people[Role.ADMIN]
    for width in (100, 200):
        keep(viewer, {"name": "kind", "width": width, "hide": True})
    assert kept(viewer) == [{"name": "kind", "width": 200, "hide": True, "flex": None}]
    assert kept(admin) == []
    for odd in ({"name": "size", "width": 9}, {"name": "kind", "width": 0}, {"name": "kind", "width": 9, "flex": 9}):
        with pytest.raises(Invalid):
            keep(viewer, odd)
    with pytest.raises(Invalid):
        keep(viewer, *[{"name": "kind", "width": 100}] * 2)
    with session_scope(engine) as session:  # as of another release, or by hand
        row = session.get_one(ListColumns, viewer.id)
        row.columns = [None, "kind", {"name": "gone", "width": 90}, *row.columns]
    assert [each["name"] for each in kept(viewer)] == ["kind"]
    with pytest.raises(NotPermitted):
        keep(Actor(admin.id, "m", Role.MEMBER, "console"), {"name": "kind", "width": 100})
    keep(viewer)
    assert kept(viewer) == []


def test_what_is_no_filter_or_no_name_is_refused(engine: Engine, people: dict[Role, Actor]) -> None:
    for name, text in (
        ("odd", "kined:x"),
        ("", "status:failed"),
        ("running", "status:failed"),
        ("n", "status:x"),
        ("\u202ex", ""),
        ("a\nb", ""),
    ):
        with pytest.raises(Invalid):
            save(engine, people[Role.VIEWER], name, text)
    assert names(engine, people[Role.VIEWER]) == []


def test_only_admins_share_views_and_remove_shared_ones(engine: Engine, people: dict[Role, Actor]) -> None:
    with pytest.raises(NotPermitted, match="Sharing a view needs the role admin"):
        save(engine, people[Role.SUPPORT], "ours", is_shared=True)
    own = save(engine, people[Role.SUPPORT], "mine")["id"]
    shared = save(engine, people[Role.ADMIN], "ours", is_shared=True)["id"]
    for actor, view, error in (
        (people[Role.VIEWER], shared, NotPermitted),
        (people[Role.ADMIN], own, NotFound),
        (people[Role.SUPPORT], uuid4(), NotFound),
    ):
        with pytest.raises(error):
            perform(engine, actor, CommandRequest(name="view.remove", target=view))
    perform(engine, people[Role.SUPPORT], CommandRequest(name="view.remove", target=own))
    perform(engine, people[Role.ADMIN], CommandRequest(name="view.remove", target=shared))
    assert names(engine, people[Role.SUPPORT]) == []


def test_there_are_so_many_views_of_a_person_at_most(
    engine: Engine, people: dict[Role, Actor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "MOST", 2)
    for name in ("one", "two", "two"):
        save(engine, people[Role.VIEWER], name)
    with pytest.raises(NotAllowed, match="There are 2 views already"):
        save(engine, people[Role.VIEWER], "three")


@pytest.mark.parametrize("text", BUILT_IN.values())
def test_the_views_that_everyone_has_are_filters(text: str) -> None:
    assert JobFilter.from_text(text).to_text() == text


def test_one_name_saved_at_once_is_one_view(engine: Engine, people: dict[Role, Actor]) -> None:
    with ThreadPoolExecutor(8) as pool:
        saved = list(pool.map(lambda _: save(engine, people[Role.SUPPORT], "ours")["id"], range(8)))
    assert len(set(saved)) == 1
