"""The soak: everything is broken at random for a while, and then the broken promises are counted."""
