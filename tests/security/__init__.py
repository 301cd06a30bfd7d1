"""Attacks, each of which must come to nothing."""
