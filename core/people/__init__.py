"""People and sign-in: users, operators, sessions, passwords, second factors, personal tokens, OpenID providers.

A person's rights are in `core.commands`, their recorded changes in `core.audit`.
"""
