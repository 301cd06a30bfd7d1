"""A new operation has its button, its state and its user's place in the lists without a line about it in ui/."""

import pytest

from core.database.engine import connect, session_scope
from core.models import Role, User
from core.operations.demo import disable
from tests import driving
from tests.browsing import Tabs
from tests.conftest import _fresh
from tests.contract.test_new_operation import ALLOW, state_of
from tests.factories import make_user
from tests.ui.conftest import Console, _serve


@pytest.mark.slow
def test_a_page_starts_and_shows_an_operation_with_states_of_its_own(
    server: str, template: str, browser: object
) -> None:
    for database_url in _fresh(server, template):
        engine = connect(database_url)
        user_id = driving.reach(engine, disable)
        with session_scope(engine) as session:
            session.connection().execute(ALLOW)
            admin = make_user(session, role=Role.ADMIN)
            email = session.get_one(User, user_id).email
        with _serve(database_url, "tests.contract.freezing", is_new=True) as url:
            console = Console(url, engine, Tabs(browser, url))
            page = console.open(admin, f"/users/{user_id}")
            page.get_by_role("button", name="Freeze demo mode").click()
            page.get_by_label("Diagnosis").get_by_text("Freezing demo mode").first.wait_for()
            page.goto(f"/users?q={email}")
            page.get_by_role("link").filter(has_text=email).get_by_text("freezing").wait_for()
            assert page.wrong == []
            console.tabs.clear()
        assert state_of(engine, user_id) == "freezing"
        engine.dispose()
