"""The audit log: record events, search and export them, and protect them with a hash chain.

The tables are in `core.models`; the commands that cause events are in `core.commands`.
"""
