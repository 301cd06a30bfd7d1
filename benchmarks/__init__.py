"""Measurements: how fast the engine is, next to its peers, on one machine in one run. `python -m benchmarks --help`."""
