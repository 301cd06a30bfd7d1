"""Charts, drawn as SVG so that their colours follow the theme."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from nicegui import ui

_INK = "var(--muted)"
_LINE = "var(--line)"


def day_chart(by_day: Mapping[date, int], name: str, tone: str) -> ui.element:
    """Draw one column per day; screen readers hear `name` and the main figures."""
    busiest_day = max(by_day, key=lambda day: by_day[day], default=None)
    summary = f"{name}: {sum(by_day.values()):,} in {len(by_day)} days"
    if busiest_day and by_day[busiest_day]:
        summary += f", most on {_day_label(busiest_day)} with {by_day[busiest_day]:,}"
    chart = ui.echart(_options(by_day), renderer="svg").classes(f"chart {tone}").style("height: 240px")
    chart.props["role"] = "img"
    chart.props["aria-label"] = summary
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
            "data": [_day_label(day) for day in days],
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
                "itemStyle": {"color": "var(--dot)", "borderRadius": [2, 2, 0, 0]},
                "emphasis": {"disabled": True},
            }
        ],
    }


def _day_label(day: date) -> str:
    return f"{day:%b} {day.day}"
