"""The scripts that the fault tests deploy: their answers show which version, and which conversation, has spoken."""

TOUR = ("begin", "middle", "end")


def script(version: int, script_id: str = "ping") -> str:
    """A version whose answer to `ping` is `pong <version>`, whatever was said in the last minute by another script."""
    return f"""
id: {script_id}
chats: ["@callboard_demo"]
limits: {{per_chat_per_minute: 20, per_account_per_minute: 60}}
scenes:
  ping:
    triggers: [{{message: {{text: "ping"}}}}]
    steps: [{{reply: "pong {version}"}}]
tests:
  - name: answers
    dialogue: [{{guest: "ping"}}, {{expect: "pong {version}"}}]
"""


# Counts what each guest says, and takes them on a tour with waits; the account counts all of it.
DESK = """
id: desk
chats: ["@callboard_demo"]
limits: {per_chat_per_minute: 20, per_account_per_minute: 60, late: 10m}
variables: {visits: 0}
account_variables: {total: 0}
scenes:
  count:
    triggers: [{command: /count}]
    steps:
      - set: {visits: "{{ visits + 1 }}", total: "{{ total + 1 }}"}
      - reply: "{{ visits }} of {{ total }}"
  tour:
    triggers: [{command: /tour}]
    steps:
      - reply: begin
      - wait: [2s, 4s]
      - reply: middle
      - wait: 4s
      - reply: end
"""
