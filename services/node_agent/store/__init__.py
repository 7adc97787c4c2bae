"""What the agent keeps on its disk: the ledger, script files, session files, its status."""
