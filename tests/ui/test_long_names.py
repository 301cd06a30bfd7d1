"""The longest e-mail address and name that the database takes stay inside their lines and panels, at any width."""

import pytest
from sqlmodel import Session

from core.models import Role
from tests.factories import make_user
from tests.repeats import mostly_slow
from tests.ui.conftest import Console

pytestmark = pytest.mark.browser
LONGEST = f"{'wolfeschlegelsteinhausen' * 10}@x.example"
WIDTHS = (390, 1440)
#: Texts that stick out of their panel or of the window, unless something inside the panel cuts or scrolls them.
SPILLED = """() => {
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const spilled = [];
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (!texts.currentNode.data.includes("wolfeschlegel") || !element.checkVisibility()) continue;
    const range = document.createRange();
    range.selectNodeContents(texts.currentNode);
    const panel = element.closest(".panel, .screen, body");
    const isCut = (at) => at !== panel && (getComputedStyle(at).overflowX !== "visible" || isCut(at.parentElement));
    const edge = Math.min(panel.getBoundingClientRect().right, innerWidth);
    const right = range.getBoundingClientRect().right;
    if (right > edge + 1 && !isCut(element)) spilled.push(element.outerHTML.slice(0, 200));
  }
  return spilled;
}"""
#: Pages with a person's address and name on them, and a text by which each is complete.
PAGES = {"/operators": "1 session", "/users": "shown", "/users/{}": "History", "/audit": "Newest first"}


@pytest.mark.parametrize("width", mostly_slow(WIDTHS, fast=1))
def test_the_longest_address_and_name_stay_in_their_place(console: Console, rows: Session, width: int) -> None:
    admin = make_user(rows, role=Role.ADMIN, email=f"{width}{LONGEST}", name="wolfeschlegel" * 12)
    rows.commit()
    page = console.open(admin, "/operators", {"width": width, "height": 900})
    for path, sign in PAGES.items():
        page.goto(path.format(admin.id))
        page.get_by_text(sign).first.wait_for()
        assert page.evaluate(SPILLED) == [], path
