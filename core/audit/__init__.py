"""The audit log: recording what happened, finding it again, exporting it, and the hash chain that protects it."""
