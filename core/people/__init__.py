"""People and how they come in: users, operators, sessions, passwords, second factors, tokens, sign-in providers.

What a person may do is in `core.commands`; what they did is in `core.audit`.
"""
