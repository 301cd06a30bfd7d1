"""The audit log's hash chain: keys, sealing, verifying."""
