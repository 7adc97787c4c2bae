"""The registry: the fleet's state (nodes, leases, accounts), and what everyone is told of it."""
