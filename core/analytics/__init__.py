"""Figures of finished jobs over time: buckets written from the jobs' rows, and questions that read only buckets.

No work of a job's own is here: a job that runs or ends touches nothing of this room.
"""
