"""Alerts: what is wrong for long enough that operators are told, by whatever way they set, and when it is over.

`rules` says what is looked for. Consoles and workers look once a minute (`watching`), one of them at a time; so also
when no worker lives. People snooze what they know of (`snoozing`).
"""
