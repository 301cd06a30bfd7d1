"""Jobs: every job there is, narrowed by what one asks for, with the detail beside it."""

from ui.components.box import box, text


async def draw() -> None:
    """Draw the list."""
    with box("screen padded"):
        text("Jobs", tag="h1")
