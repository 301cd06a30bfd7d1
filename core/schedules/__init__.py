"""Schedules: cron or a single time, each tick fired once; and the list of schedules for people.

The job that a tick requests is the engine's: `core.jobs`.
"""
