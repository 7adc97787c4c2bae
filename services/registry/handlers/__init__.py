"""Bus in: which queue brings which contract to which use case."""
