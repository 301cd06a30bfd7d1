"""What a person may do, and the one gateway that does it: who, may they, valid, once, one transaction.

The registry is the table of all commands. What a command does to a job, a queue or a person lives in that room.
"""
