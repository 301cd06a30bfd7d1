"""Connecting a creator's platforms by OAuth 2.0: providers as values, their client, consents, tokens, revocations.

The operations that use it are in core/operations/connection.py; nothing here knows jobs.
"""
