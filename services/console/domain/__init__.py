"""Pure rules of the origin: which service owns which path, and how their API documents become one."""
