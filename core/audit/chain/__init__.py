"""The audit log's hash chain: its keys, sealing new events, and verifying the chain."""
