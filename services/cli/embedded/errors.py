"""What can go wrong with a private server, told to the operator."""


class StartFailed(Exception):
    """A child did not come up. The message is one sentence; `log_tail` holds the last lines that it wrote."""

    def __init__(self, sentence: str, log_tail: str = "") -> None:
        super().__init__(sentence)
        self.log_tail = log_tail
