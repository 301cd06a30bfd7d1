"""Running everything on one machine: embedded PostgreSQL and Valkey, the data directory and the first start."""
