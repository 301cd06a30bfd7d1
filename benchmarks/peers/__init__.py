"""Peers: each module enqueues with `enqueue(number)`, and runs a worker as `python -m` that module.

They import nothing of our program: only the standard library, the peer, and benchmarks.counter.
"""
