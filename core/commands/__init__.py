"""Commands: everything a person can do, and the one gateway that checks and runs them.

The registry lists all commands. The code that changes a job, a queue or a person is in `core.jobs`, `core.queues` or
`core.people`.
"""
