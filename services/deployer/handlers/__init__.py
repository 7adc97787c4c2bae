"""The bus in."""
