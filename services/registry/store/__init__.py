"""The fleet's rows: in PostgreSQL, one file for each aggregate, and in memory."""
