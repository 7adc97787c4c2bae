"""What the registry does: each one transaction, each called by handlers, the API or jobs."""
