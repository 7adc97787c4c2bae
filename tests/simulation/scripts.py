"""Scripts for a simulated fleet."""


def greeter(script_id: str, reply: str, places: int) -> str:
    """A script that answers /hello with `reply` in the chats of the first `places` machines, and tests that it does."""
    chats = ", ".join(f'"{-1000 - place}"' for place in range(places))
    return (
        f"id: {script_id}\nchats: [{chats}]\n"
        "scenes:\n  hello:\n    triggers:\n      - command: /hello\n"
        f"    steps:\n      - reply: {reply}\n"
    )
