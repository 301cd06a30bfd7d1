"""Bulk actions: one command on a frozen set of rows, as an object that is previewed, started, watched and aborted.

frozen.py makes the set, reopening.py finds the same that was prepared before, preview.py says what would be done to it,
control.py starts, aborts, undoes and repeats, listing.py shows them, origin.py knows what they came from, words.py says
how they stand. What is done to each row is in core/commands/bulk_run.py, by the job of core/operations/bulk.py.
"""
