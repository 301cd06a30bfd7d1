"""The list of jobs: from a filter to rows and honest counts at any size, for the console, the API and the CLI.

This room only reads; the code that changes jobs is in `core.jobs`.
"""
