"""The registry's rules: pure, without a clock, a database or a broker."""
