"""From a filter to rows and honest counts, at any size: what the list of jobs, the API and the CLI read.

Only reads. What changes a job lives in `core.jobs`.
"""
