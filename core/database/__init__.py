"""Access to PostgreSQL: engine, pool, timeouts, fast statements, and truncation of long values.

Tables are in `core.models`; queries are in the room of their subject.
"""
