"""The agent: one per machine; runs its Telegram accounts, applies what is delivered to it, and reports."""
