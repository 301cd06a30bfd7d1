"""Queues, kinds and workers: pause and limit them, and see how they are doing.

Claiming jobs from a queue is the engine's work: `core.jobs`.
"""
