"""The operator's pages, one small file each: what is asked of the API, and which template shows it."""
