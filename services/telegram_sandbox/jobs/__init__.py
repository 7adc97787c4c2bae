"""What the sandbox does by itself, on a timer."""
