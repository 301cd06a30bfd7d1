"""Diagnosis of a job or a user: one sentence, its evidence and a safe remedy; and the invariants for `doctor`.

This room only reads; a remedy is a command of `core.commands`.
"""
