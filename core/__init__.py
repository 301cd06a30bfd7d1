"""What is true and what may be done. Knows no screen and no broker."""
