"""`python -m benchmarks`: everything, in one run, on private servers; a few minutes with --quick."""

import argparse
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks import (
    bulk,
    bulk_actions,
    disk,
    fair,
    growth,
    http,
    jumps,
    latency,
    memory,
    pages,
    report,
    throughput,
    watching,
)
from benchmarks.contenders import CONTENDERS, Contender
from benchmarks.place import Place, private_place

#: What each part does with its one number: (part, number with --quick, number).
SINGLE: dict[str, tuple[Callable[[Place, int], list[str]], int, int]] = {
    "bulk": (bulk.measure, 5_000, 50_000),
    "bulk_actions": (bulk_actions.measure, 5_000, 100_000),
    "latency": (latency.measure, 200, 1_000),
    "fair": (fair.measure, 20_000, 100_000),
    "http": (http.measure, 200, 1_000),
    "memory": (memory.measure, 10, 100),
    "pages": (pages.measure, 5, 9),
    "watching": (watching.measure, 20, 60),
    "jumps": (jumps.measure, 100_000, 1_000_000),
    "growth": (growth.measure, 100_000, 1_000_000),
}
#: Runs one round: of a candidate, by a Python, with so many workers and jobs.
Measure = Callable[[Place, Contender, str, int, int], throughput.Round]
PARTS = ("throughput", "drain", *SINGLE)


def main() -> None:
    """Measure what the options request, and print Markdown."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    options = _options()
    with private_place(options.postgres) as place:
        print(f"{report.machine()}\n", flush=True)
        if "throughput" in options.only:
            _compare(place, options, throughput.measure, CONTENDERS)
        if "drain" in options.only:
            print("Drained, with all jobs enqueued before:\n", flush=True)
            _compare(
                place, options, throughput.drain, [replace(each, jobs=20_000) for each in CONTENDERS if each.drained]
            )
        rows: list[str] = []
        for name, (measure, quick, full) in SINGLE.items():
            if name in options.only:
                number = (
                    options.rows if name in ("jumps", "growth") and options.rows else quick if options.quick else full
                )
                rows += measure(place, number)
                print(rows[-1], file=sys.stderr, flush=True)
        print(report.rows(rows), flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds, jobs and rows")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="parts to measure")
    parser.add_argument("--against", nargs="+", default=[""], help="candidates, by a part of their names")
    parser.add_argument("--rounds", type=int, help="rounds of the comparison (2 with --quick, else 5)")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2], help="numbers of worker processes")
    parser.add_argument("--rows", type=int, help="rows of jumps and growth (100,000 with --quick, else a million)")
    parser.add_argument("--peers-python", default=sys.executable, help="a Python that has the dependency group bench")
    parser.add_argument("--postgres", type=Path, help="programs of another PostgreSQL: /usr/lib/postgresql/15/bin")
    return parser.parse_args()


def _compare(place: Place, options: argparse.Namespace, measure: Measure, chosen: Sequence[Contender]) -> None:
    """Run the candidates in turns, so that a disturbance of the machine hits all alike."""
    named = [each for each in chosen if any(part.lower() in each.name.lower() for part in options.against)]
    present = [each for each in named if _is_there(each, options.peers_python)]
    results = [throughput.Result(each, workers) for each in present for workers in options.workers]
    rates: dict[int, list[float]] = {1: [], 8: []}
    for contender in present:
        throughput.prepare(place, contender, _python(contender, options.peers_python))
    disk.prepare(place)
    for number in range(options.rounds or (2 if options.quick else 5)):
        for clients, measured in rates.items():
            measured.append(disk.measure(place, clients))
        for result in results:
            _round(place, result, options, measure, number)
    print(report.comparison([each for each in results if each.rounds], rates) + "\n", flush=True)


def _round(place: Place, result: throughput.Result, options: argparse.Namespace, measure: Measure, number: int) -> None:
    contender, python = result.contender, _python(result.contender, options.peers_python)
    try:
        done = measure(place, contender, python, result.workers, contender.jobs // (4 if options.quick else 1))
    except RuntimeError as error:
        print(f"{contender.name}: {error}", file=sys.stderr, flush=True)
        return
    result.rounds.append(done)
    figures = f"{done.finished:,.0f} jobs/s, {done.micros:,.0f} µs, {done.wal_bytes:,.0f} B"
    place_in_time = f"round {number + 1}, {contender.name}, {result.workers} workers"
    print(f"{place_in_time}: {figures}, load {os.getloadavg()[0]:.1f}", file=sys.stderr, flush=True)


def _python(contender: Contender, of_peers: str) -> str:
    return of_peers if contender.package else sys.executable


def _is_there(contender: Contender, python: str) -> bool:
    """Return whether a peer is installed; print a line if not."""
    if not contender.package:
        return True
    answer: Sequence[str] = (python, "-c", f"import {contender.package}")
    if subprocess.run(answer, check=False, capture_output=True, timeout=60).returncode == 0:
        return True
    print(f"{contender.name} is left out: pip install --group bench, or give --peers-python.", file=sys.stderr)
    return False


if __name__ == "__main__":
    main()
