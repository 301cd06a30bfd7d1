"""The way to PostgreSQL: engine, pool, timeouts, fast statements, and values too long for a screen.

Tables are in `core.models`; no query of a subject lives here.
"""
