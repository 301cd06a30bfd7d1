"""The signed-in person's second factor: set up by scanning, confirmed and switched off with a code."""

from uuid import UUID

from nicegui import ui

from core.people import second_factor
from core.people.second_factor import State
from core.wording import counted
from ui import access, design
from ui.components.base.box import Part, box, keep_fresh, text
from ui.components.base.button import DANGER, PLAIN, PRIMARY, button, say
from ui.components.base.shown_once import show_once

#: Characters per group of a secret, for people who type it instead of scanning it.
GROUP = 4


class MyFactor:
    """The state of the person's second factor, kept fresh, with its actions."""

    def __init__(self, user_id: UUID) -> None:
        self._user_id = user_id
        self._part: Part[State] = Part(self._draw, "part")

    async def begin(self) -> None:
        """Show the state and keep it fresh."""
        await self.refresh()
        keep_fresh(self._part.box, self.refresh, user_id=self._user_id)

    async def refresh(self) -> None:
        """Load the state and show what changed."""
        state = await access.load(second_factor.state_of, self._user_id)
        self._part.show(state, key=state)

    def _draw(self, state: State) -> None:
        if state.on:
            self._draw_on(state)
            return
        with box("part") as self._steps, box("actions"):
            button("Set up", self._set_up, look=PLAIN)

    def _draw_on(self, state: State) -> None:
        with box("hbox wrap"):
            text("On", f"badge {design.OK}")
            text(f"{counted(state.codes_left, 'recovery code')} left", "muted")
        with box("labelled"):
            text("Code or password", tag="label")
            proof = ui.input(password=True, password_toggle_button=True).classes("field")
            proof.props('outlined dense autocomplete=off aria-label="Code or password"')

        async def switch_off() -> None:
            await access.perform("factor.off", None, _proof(proof.value or ""))
            await self.refresh()
            say("Second factor switched off.")

        with box("actions"):
            button("Switch off", switch_off, look=DANGER)

    async def _set_up(self) -> None:
        answer = await access.perform("factor.set_up", None)
        self._steps.clear()
        with self._steps:
            self._draw_steps(answer["secret"], answer["qr"])

    def _draw_steps(self, secret: str, qr: str) -> None:
        with box("scan"):
            # We generate this picture from our own secret: no part of it comes from people.
            ui.html(qr, sanitize=False).classes("qr").props('role=img aria-label="QR code for your app"')
            with box("part"):
                text("Scan this code with an authenticator app, or enter this secret there:", tag="p")
                spaced = " ".join(secret[at : at + GROUP] for at in range(0, len(secret), GROUP))
                text(spaced, "mono secret")
                with box("labelled"):
                    text("Code from the app", tag="label")
                    code = ui.input().classes("field")
                    code.props("outlined dense inputmode=numeric autocomplete=one-time-code maxlength=10 autofocus")
                    code.props["aria-label"] = "Code from the app"

        async def confirm() -> None:
            await self._confirm(code.value or "")

        with box("actions"):
            button("Switch on", confirm, look=PRIMARY)

    async def _confirm(self, code: str) -> None:
        answer = await access.perform("factor.confirm", None, {"code": code})
        about = "Each code signs you in once if you lose your phone. Store them safely; they are not shown again."
        await show_once("Your recovery codes", about, "\n".join(answer["recovery_codes"]))
        await self.refresh()


def _proof(entered: str) -> dict[str, str]:
    """Return the input as a code, a password or both: passwords are longer than codes, or have other characters."""
    compact = entered.replace(" ", "").replace("-", "")
    looks_like_code = compact.isalnum() and len(compact) in (6, 16)
    return {"code": entered, "password": entered} if looks_like_code else {"password": entered}
