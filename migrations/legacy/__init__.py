"""Checks of a legacy database before any change: its server, tables, rows, tokens and drift, all reported at once.

The changes themselves are in `migrations/versions`.
"""
