"""The audit log: an append-only chain of who did what, one for each service that keeps state."""
