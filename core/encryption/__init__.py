"""Encryption at rest of provider tokens, second factors and cookies, and its rotation to a new secret key.

Passwords and personal tokens are hashed, not encrypted: see `core.people`.
"""
