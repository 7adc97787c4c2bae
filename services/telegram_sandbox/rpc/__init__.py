"""What clients can ask of the sandbox: one module for each area of Telegram's API."""
