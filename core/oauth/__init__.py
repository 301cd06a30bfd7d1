"""Signing in at the platforms: the tokens they give, and how they are kept."""
