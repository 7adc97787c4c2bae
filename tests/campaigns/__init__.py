"""Long fault campaigns over hundreds of real agents: `make fault`. Not a part of `make test`."""
