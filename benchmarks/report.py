"""Figures as Markdown."""

import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.throughput import Result


def machine() -> str:
    """Return the lines that describe the machine."""
    model = next((line for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line), ": unknown")
    load = os.getloadavg()[0]
    return f"{os.cpu_count()} cores ({model.split(': ')[1]}), Python {platform.python_version()}, load {load:.1f}"


def comparison(results: Sequence[Result], disk: Mapping[int, Sequence[float]]) -> str:
    """Return the table of candidates, each next to ours."""
    own = max((each.median("finished") for each in results if each.contender.is_ours), default=0.0)
    lines = [
        "| | jobs/s | enqueued/s | CPU µs per job | worker | producer | PostgreSQL | Redis | WAL B per job | ours is |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
        *(_line(each, own) for each in results),
        *(f"| pgbench -N, {clients} clients | {sorted(rates)[len(rates) // 2]:,.0f} tps | | | | | | | | |"
          for clients, rates in disk.items()),
    ]  # fmt: skip
    return "\n".join(lines)


def rows(figures: Sequence[str]) -> str:
    """Return the table of single figures, with their targets."""
    return "\n".join(["| | measured | target |", "|---|---|---|", *(f"| {row} |" for row in figures)])


def _line(result: Result, own: float) -> str:
    rate = result.median("finished")
    roles = " | ".join(f"{result.micros(role):,.0f}" for role in ("worker", "producer", "postgres", "redis"))
    name = f"{result.contender.name}, {result.workers} worker processes"
    return (
        f"| {name} | {rate:,.0f} | {result.median('enqueued'):,.0f} | {result.median('micros'):,.0f} | {roles} | "
        f"{result.median('wal_bytes'):,.0f} | {own / rate:.1f}x |"
    )
