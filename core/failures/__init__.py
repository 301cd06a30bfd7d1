"""Failures by their cause: jobs that failed with the same error, what people have decided of it, and who is told.

groups.py lists the errors of a time, one_group.py looks at one of them, handling.py has what people decide and note,
telling.py writes to the users hit. What an error's state is at the moment is said by core/diagnosis/error_state.py.
"""
