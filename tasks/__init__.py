"""Workers: the only layer that uses a broker. Dramatiq runs the threads, Redis sends wake-ups; PostgreSQL decides."""
