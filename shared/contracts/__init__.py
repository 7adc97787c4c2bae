"""Messages and names that services agree on: pydantic and the standard library, nothing else."""
