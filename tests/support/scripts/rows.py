"""What an agent's ledger holds of an engine, for tests that restart one."""

from shared.scripts import AccountMemory, Conversation, ConversationKey, EngineChanges, EngineState


class Rows:
    """What an agent's ledger holds of an engine: JSON in rows, written from its changes."""

    def __init__(self) -> None:
        self.conversations: dict[ConversationKey, str] = {}
        self.account = AccountMemory().model_dump_json()

    def write(self, changes: EngineChanges) -> None:
        """Apply the changes."""
        for key, conversation in changes.conversations.items():
            if conversation is None:
                self.conversations.pop(key, None)
            else:
                self.conversations[key] = conversation.model_dump_json()
        if changes.account is not None:
            self.account = changes.account.model_dump_json()

    def state(self) -> EngineState:
        """What a restart reads: rows come back in any order."""
        rows = [Conversation.model_validate_json(row) for _, row in sorted(self.conversations.items(), key=str)]
        return EngineState(conversations=rows, account=AccountMemory.model_validate_json(self.account))
