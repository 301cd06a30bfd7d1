"""The parts that pages are drawn with."""
