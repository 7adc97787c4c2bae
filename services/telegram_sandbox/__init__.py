"""A small Telegram data centre for the demo and the tests; never Telegram's own."""
