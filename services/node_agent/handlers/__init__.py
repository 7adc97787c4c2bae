"""Orders from the bus."""
