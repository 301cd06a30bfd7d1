"""Schedules: cron and single times, each tick fired once; and how people read them."""
