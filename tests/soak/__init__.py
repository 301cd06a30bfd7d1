"""The soak: everything is broken at random for a while, and then what was promised is counted."""
