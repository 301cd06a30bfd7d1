"""What runs: the only layer that knows a broker. Dramatiq hosts the threads, Redis rings; PostgreSQL is the truth."""
