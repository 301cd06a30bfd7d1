"""The signed-in person's tokens for scripts: created with a name, a scope and an expiry; shown once."""

from collections.abc import Callable
from typing import Final
from uuid import UUID

from nicegui import ui

from core.models import Scope
from core.people import personal_tokens
from core.people.personal_tokens import TokenLine
from ui import access
from ui.components.base.box import Part, Rows, box, keep_fresh, text
from ui.components.base.button import DANGER, PLAIN, button, say
from ui.components.base.confirm import Question, confirm
from ui.components.base.shown_once import show_once
from ui.components.base.times import time_text

_SCOPES: Final = {Scope.READ.value: "Read only", Scope.WRITE.value: "Read and write"}
_DAYS: Final = {7: "7 days", 30: "30 days", 90: "90 days", 365: "One year"}
_FIELD: Final = "outlined dense options-dense"


class MyTokens:
    """The person's own tokens, kept fresh, and the fields for a new one."""

    def __init__(self, user_id: UUID) -> None:
        self._user_id = user_id
        self._rows: Rows[TokenLine] = Rows(self._row, "rows own-list", "ul")
        self._rows.box.props("aria-label=Tokens")
        with box("fields-line"):
            with box("labelled grow"):
                text("Name", tag="label")
                self._name = ui.input(placeholder="For example: nightly report").classes("field")
                self._name.props('outlined dense maxlength=100 aria-label="Name of the token"')
            self._scope = _choice("Scope", _SCOPES, Scope.READ.value)
            self._days = _choice("Expires after", _DAYS, 90)
        with box("actions"):
            button("Create token", self._create, look=PLAIN)

    async def begin(self) -> None:
        """Show the tokens and keep them fresh."""
        await self.refresh()
        keep_fresh(self._rows.box, self.refresh, user_id=self._user_id)

    async def refresh(self) -> None:
        """Load the tokens and show what changed."""
        lines = await access.load(personal_tokens.lines_of, self._user_id)
        self._rows.show({line.id: line for line in lines})

    async def _create(self) -> None:
        form = {"name": self._name.value or "", "scope": self._scope.value, "days": self._days.value}
        answer = await access.perform("token.create", self._user_id, form)
        self._name.value = ""
        await self.refresh()
        about = "Copy it into your script's settings now. It is not stored here and cannot be shown again."
        await show_once("Your new token", about, answer["token"])

    def _row(self, line: TokenLine) -> Callable[[TokenLine], None]:
        with box(tag="li"):
            with box("what"):
                with box("hbox wrap"):
                    text(line.name, "strong")
                    text(_SCOPES[line.scope.value], "badge")
                with box("muted small"):
                    text("expires ")
                    time_text(line.expires_at, "until")
                    used: Part[TokenLine] = Part(_draw_used, "inline")
            element = button("Revoke", lambda: self._revoke(line), look=DANGER)
            element.props["aria-label"] = f"Revoke {line.name}"
        return lambda now: used.show(now, key=now.last_used_at)

    async def _revoke(self, line: TokenLine) -> None:
        consequences = ["Scripts that use it stop working at once. This cannot be undone."]
        if await confirm(Question(f"Revoke “{line.name}”?", consequences, "Revoke", takes_away=True)):
            await access.perform("token.revoke", line.id)
            await self.refresh()
            say(f"Token “{line.name}” revoked.")


def _draw_used(line: TokenLine) -> None:
    text(" · last used " if line.last_used_at else " · never used")
    if line.last_used_at:
        time_text(line.last_used_at)


def _choice(name: str, options: dict[str, str] | dict[int, str], value: object) -> ui.select:
    with box("labelled"):
        text(name, tag="label")
        element = ui.select(dict(options), value=value).classes("field").props(_FIELD)
        element.props["aria-label"] = name
    return element
