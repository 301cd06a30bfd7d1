"""JSON routes, one file per noun; those of operations are generated from their declarations."""
