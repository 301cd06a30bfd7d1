"""The engine: one verb per file, each a plain function that takes a Session. PostgreSQL is the truth.

request -> claim -> run (checkpoint after checkpoint) -> finish; beside it: cancel, retry, sweep.
"""
