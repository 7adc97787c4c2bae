"""The script that the fault tests deploy: each version answers with its own number, so that it can be heard."""


def script(version: int) -> str:
    """A version whose answer to `ping` is `pong <version>`."""
    return f"""
id: ping
chats: ["@callboard_demo"]
scenes:
  ping:
    triggers: [{{message: {{text: "ping"}}}}]
    steps: [{{reply: "pong {version}"}}]
tests:
  - name: answers
    dialogue: [{{guest: "ping"}}, {{expect: "pong {version}"}}]
"""
