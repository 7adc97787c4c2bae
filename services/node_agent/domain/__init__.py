"""Pure rules of the agent: lease, heartbeat, account states, sending limits, deliveries, and the ports."""
