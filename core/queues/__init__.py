"""Queues, kinds and workers: pause them, limit them, and read their state and figures.

The engine in `core.jobs` claims jobs from the queues and registers the workers.
"""
