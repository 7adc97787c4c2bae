"""HTTP in: what is forwarded, the merged API document, and the console's own pages."""
