"""A customer's own pages as staff view them: the same pages, in which nothing can be pressed, and on record."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from nicegui import ui
from starlette.responses import Response

from core.errors import NotFound
from ui import access, error_page
from ui.components.base.box import box, link, text
from ui.components.base.button import refuse
from ui.page import Page

#: Before the route of a page.
ROUTE: Final = "/users/{user_id}/view-as"
#: Of a press on what acts, tell the server; what only shows other figures (chips) stays.
_PRESSABLE: Final = """(event) => {
  const acts = "a, button, .btn, input, label, textarea, [role=radio], [role=checkbox], [role=switch]";
  const part = event.target.closest(acts);
  const moves = ["Tab", "Escape", "PageUp", "PageDown", "Home", "End"].includes(event.key);
  if (!part || part.closest(".chip") || moves) return;
  event.preventDefault();
  event.stopPropagation();
  emit();
}"""


@dataclass(frozen=True, slots=True)
class ViewedCustomer:
    """Whose pages are viewed."""

    id: UUID
    email: str

    @property
    def prefix(self) -> str:
        """Return what stands before the route of each of their pages."""
        return ROUTE.format(user_id=self.id)


def viewed(page: Page, draw: Callable[[Page, ViewedCustomer], Any]) -> Callable[[str], Any]:
    """Return what draws a creator's page for staff who view it as a user."""

    async def draw_viewed(user_id: str) -> Response | None:
        try:
            customer = UUID(user_id)
            answer = await access.perform("user.view_as", customer)
        except (ValueError, NotFound):
            return error_page.plain(
                404, "There is no such user", "They may have been deleted.", "/users", "Go to Users"
            )
        access.only_look_at(customer)
        ui.page_title(f"{page.title} of {answer['email']} · Unstuck")
        await draw(page, ViewedCustomer(customer, answer["email"]))
        return None

    return draw_viewed


@contextmanager
def nothing_to_press(customer: ViewedCustomer) -> Iterator[None]:
    """Draw the bar that says whose page this is; in the content, links and buttons say why they do nothing."""
    with box("viewing", "section").props("role=status aria-label='Viewed as the customer'"):
        text(f"You see what {customer.email} sees. You can look, but not act.", "strong")
        link(f"/users/{customer.id}", label="Back to the user")
    content = box("page", "main")
    for event in ("click", "auxclick", "keydown"):
        content.on(f"{event}.capture", lambda: refuse(f"Only {customer.email} can do that."), js_handler=_PRESSABLE)
    with content:
        yield
