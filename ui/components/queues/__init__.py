"""Components about queues and schedules: limits, the form of a schedule."""
