"""Progress: a bar with its percentage, as one element for screen readers."""

from nicegui import ui

from ui import design
from ui.components.base.box import box


class ProgressBar:
    """A progress bar that updates in place; without a total it shows only that work is under way."""

    def __init__(self, name: str, tone: str = design.RUN) -> None:
        self.bar = box(f"progress {tone}").props(
            f'role=progressbar translate=no aria-valuemin=0 aria-valuemax=100 aria-label="{name}"'
        )
        with self.bar:
            with box("track"):
                self._fill = box("fill")
            self._figure = ui.label("").classes("figure")

    def show(self, done: int, total: int, message: str = "", *, at_work: bool) -> None:
        """Show the progress; without work at hand and anything done, no bar, which would seem to move."""
        if self.bar.is_deleted:
            return
        self.bar.set_visibility(at_work or done > 0)
        percent = min(100, 100 * done // total) if total > 0 else 0
        self.bar.classes(add="unknown" if total <= 0 else None, remove=None if total <= 0 else "unknown")
        self._fill.style(f"width: {percent}%")
        self._figure.set_text(f"{percent} %" if total > 0 else "")
        self.bar.props["aria-valuenow"] = percent
        self.bar.props["aria-valuetext"] = message or f"{percent} percent"
        self.bar.update()
