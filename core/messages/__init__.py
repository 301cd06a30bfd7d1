"""Messages to people: the outbox, the ways out, what a message says, and who wants to be told.

Whatever tells something calls `outbox.put` in its own transaction. A job sends what waits (`sending`), each message by
its channel (`channels`). When something is worth telling is said by the operations, not here.
"""
