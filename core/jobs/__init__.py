"""The engine: one verb per file, each a plain function that takes a Session. PostgreSQL is the source of truth.

A job goes request -> claim -> run (checkpoint by checkpoint) -> finish; cancel, retry and sweep can intervene. The list
of jobs is in `core.job_list`, the explanation of a job's state in `core.diagnosis`.
"""
