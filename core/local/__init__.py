"""Everything that a machine without servers of its own needs: embedded PostgreSQL and Valkey, and the first start."""
