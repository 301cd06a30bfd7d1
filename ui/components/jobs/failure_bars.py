"""How often an error came over a time: bars, each of which says its number."""

from collections.abc import Sequence

from markupsafe import Markup

from core.wording import counted
from ui.components.base.markup import tagged


def failure_bars(parts: Sequence[int]) -> list[Markup]:
    """Return a bar for each part of the time, the oldest first."""
    most = max(parts, default=0) or 1
    return [tagged("i", style=f"height: {100 * number // most}%", title=counted(number, "failure")) for number in parts]


def words_of_bars(parts: Sequence[int]) -> str:
    """Return what the bars say, for those who do not see them."""
    return f"Failures in {len(parts)} equal parts of this time: {', '.join(map(str, parts))}"


def spark(parts: Sequence[int]) -> Markup:
    """Return the bars as small as a line of a list; its number is in the line's words."""
    return tagged("span", *failure_bars(parts), classes="bars spark", role="img", aria_label=words_of_bars(parts))
