"""What the agent does: one class for each thing that can be asked of it."""
