"""Migrations to the tables of `core.models`, from an empty database or from the legacy product's tables.

Checks of a legacy database are in `migrations.legacy`, the revisions in `migrations/versions`.
"""
