"""Encryption at rest: of provider tokens, second factors and cookies, and what changes when the secret key does."""
