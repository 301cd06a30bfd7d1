"""The JSON API, one file per noun; routes of operations are generated from their declarations."""
