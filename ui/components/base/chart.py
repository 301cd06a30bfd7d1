"""Charts, drawn as SVG so that they take their colours from the theme."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from nicegui import ui

_INK = "var(--muted)"
_LINE = "var(--line)"


def day_chart(by_day: Mapping[date, int], name: str) -> ui.element:
    """Draw one column per day; `name` tells a screen reader what it sees, with the figures that matter."""
    most = max(by_day, key=lambda day: by_day[day], default=None)
    words = f"{name}: {sum(by_day.values()):,} in {len(by_day)} days"
    if most and by_day[most]:
        words += f", most on {_short(most)} with {by_day[most]:,}"
    chart = ui.echart(_options(by_day), renderer="svg").classes("chart").style("height: 240px")
    chart.props["role"] = "img"
    chart.props["aria-label"] = words
    return chart


def _options(by_day: Mapping[date, int]) -> dict[str, Any]:
    days = list(by_day)
    label = {"color": _INK, "fontSize": 11, "fontFamily": "inherit"}
    return {
        "animation": False,
        "grid": {"top": 12, "right": 4, "bottom": 24, "left": 40},
        "tooltip": {"trigger": "axis", "axisPointer": {"type": "shadow"}, "transitionDuration": 0},
        "xAxis": {
            "type": "category",
            "data": [_short(day) for day in days],
            "axisLine": {"lineStyle": {"color": _LINE}},
            "axisTick": {"show": False},
            "axisLabel": {**label, "interval": 13},
        },
        "yAxis": {
            "type": "value",
            "minInterval": 1,
            "splitNumber": 3,
            "splitLine": {"lineStyle": {"color": _LINE}},
            "axisLabel": label,
        },
        "series": [
            {
                "name": "Interactions",
                "type": "bar",
                "data": [by_day[day] for day in days],
                "barCategoryGap": "25%",
                "itemStyle": {"color": "var(--run-dot)", "borderRadius": [2, 2, 0, 0]},
                "emphasis": {"disabled": True},
            }
        ],
    }


def _short(day: date) -> str:
    return f"{day:%b} {day.day}"
