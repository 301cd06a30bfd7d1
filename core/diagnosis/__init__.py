"""Why a job or a user is where they are: one sentence, its evidence and a safe remedy; and the invariants.

Only reads. What a remedy does is a command of `core.commands`.
"""
