"""The whole path on a running stack: accounts online, a script pushed, heard in the chat, counted, told."""

import asyncio
import json

from httpx_sse import aconnect_sse

from services.telegram_sandbox.client import SandboxClient
from tests.support.by_hand import order_of_the_page
from tests.support.stack import Stack
from tests.support.waiting import until

CHAT = "callboard_demo"
GUEST = "guest_system"
ACCOUNTS = "/api/v1/group-ai/accounts"
DEPLOYMENTS = "/api/v1/group-ai/script-deployment"
# A new account is known to the other nodes after the registry's next look (5 s) and the node's next beat (5 s).
OWN_ACCOUNTS_KNOWN_SECONDS = 12


def script(script_id: str, words: str) -> str:
    """A script that answers `!<id>` with the given words."""
    return f"""
id: {script_id}
chats: ["@{CHAT}"]
scenes:
  answer:
    triggers: [{{message: {{text: "!{script_id}"}}}}]
    steps: [{{reply: "{words}"}}]
tests:
  - name: answers
    dialogue: [{{guest: "!{script_id}"}}, {{expect: "{words}"}}]
"""


async def online(stack: Stack) -> list[dict[str, object]]:
    """The accounts, once two nodes with three accounts each are online."""

    async def all_online() -> list[dict[str, object]]:
        rows: list[dict[str, object]] = (await stack.get(ACCOUNTS))["items"]
        return rows if len(rows) == 6 and all(row["status"] == "online" for row in rows) else []

    return await until(all_online, "six accounts of two nodes are online", 170)


async def push(stack: Stack, source: str) -> None:
    """Store a script version."""
    async with stack.api() as api:
        answer = await api.post(
            "/api/v1/group-ai/scripts", content=source, headers={"content-type": "application/yaml"}
        )
        assert answer.status_code in (200, 201), answer.text


async def deploy(stack: Stack, script_id: str) -> str:
    """Order the newest version to both nodes; wait until both are verified; the deployment's id."""
    async with stack.api() as api:
        body = {"node_ids": ["demo-a", "demo-b"], "bind": "all"}
        answer = await api.post(f"{DEPLOYMENTS}/deploy/{script_id}", json=body)
        assert answer.status_code == 202, answer.text
        deployment: str = answer.json()["deployment_id"]

    async def verified() -> bool:
        found = await stack.get(f"{DEPLOYMENTS}/deployments/{deployment}")
        return bool(found["totals"].get("verified") == 2)

    await until(verified, "both deliveries are verified", 60)
    return deployment


async def guest(sandbox: SandboxClient) -> int:
    """A guest of our own in the demo's chat; the audience's come only when they first speak."""
    for user in await sandbox.users():
        if user.username == GUEST:
            return user.user_id
    made = await sandbox.add_user("Guest", GUEST)
    await sandbox.add_members(CHAT, [made.user_id])
    return made.user_id


async def heard(stack: Stack, question: str) -> set[str]:
    """What the accounts answer to a guest's question in the demo's chat."""
    async with stack.sandbox() as sandbox:
        asked = await sandbox.say(CHAT, await guest(sandbox), question)

        async def answers() -> set[str]:
            messages = await sandbox.messages(CHAT, after=asked.message_id)
            return {message.text for message in messages if message.reply_to == asked.message_id}

        return await until(answers, f"somebody answers {question!r}", 30)


async def test_all_accounts_of_all_nodes_are_online_and_named(stack: Stack) -> None:
    """The first promise: every account of every node, with its node and whether that is local or remote."""
    rows = await online(stack)
    assert {row["node_id"] for row in rows} == {"demo-a", "demo-b"}
    assert {row["source"] for row in rows} == {"local", "remote"}
    # From the vault, each sealed to its node: there is no file.
    assert all(str(row["session_file"]).startswith("vault:") for row in rows)


async def test_a_pushed_version_is_verified_and_heard_and_counted(stack: Stack) -> None:
    """The second promise: success means that the node runs it, which the chat hears and the counters show."""
    await online(stack)
    await push(stack, script("echo", "the first words"))
    await deploy(stack, "echo")
    assert await heard(stack, "!echo") == {"the first words"}
    before = sum(row["reply_count"] for row in (await stack.get(ACCOUNTS))["items"])
    await push(stack, script("echo", "the second words"))
    await deploy(stack, "echo")
    assert await heard(stack, "!echo") == {"the second words"}

    async def counted() -> bool:
        return bool(sum(row["reply_count"] for row in (await stack.get(ACCOUNTS))["items"]) > before)

    await until(counted, "the reply counters rise", 30)


async def test_the_event_stream_tells_a_deployment_as_it_goes(stack: Stack) -> None:
    """A page that has to ask again and again is not live."""
    await online(stack)
    await push(stack, script("told", "told"))
    seen: list[dict[str, object]] = []
    async with stack.api() as api, aconnect_sse(api, "GET", "/api/v1/events", timeout=60) as stream:
        ordered = asyncio.create_task(deploy(stack, "told"))
        async with asyncio.timeout(60):
            async for event in stream.aiter_sse():
                if event.event == "deploy.delivery.v1":
                    seen.append(json.loads(event.data))
                if sum(one["state"] == "verified" for one in seen) == 2:
                    break
        deployment = await ordered
    assert {one["node_id"] for one in seen if one["deployment_id"] == deployment} == {"demo-a", "demo-b"}


async def test_a_command_typed_into_the_management_console_is_carried_out(stack: Stack) -> None:
    """The event API is for people too: the body is plain JSON, signed with `callboard sign`, and needs no header."""
    await online(stack)
    async with stack.api() as api:
        body = (await api.post("/api/v1/group-ai/keys/sign", json=order_of_the_page())).raise_for_status().json()
    async with stack.management() as management:
        answer = await management.post(
            "/api/exchanges/%2F/callboard.commands/publish",
            json={
                "properties": {},
                "routing_key": "node.demo-a",
                "payload": json.dumps(body),
                "payload_encoding": "string",
            },
        )
        assert answer.json() == {"routed": True}

    async def playing() -> bool:
        rows = (await stack.get(ACCOUNTS, node_id="demo-a"))["items"]
        return all(row["script_id"] == "by-hand" for row in rows)

    await until(playing, "the accounts of the node play the script", 30)
    assert await heard(stack, "!by-hand") == {"typed by hand"}


async def test_accounts_of_one_operator_never_answer_each_other(stack: Stack) -> None:
    """Two nodes' accounts that answer each other never stop: here the answer is itself what triggers it."""
    await online(stack)
    await asyncio.sleep(OWN_ACCOUNTS_KNOWN_SECONDS)  # the documented bound, after which this must hold
    await push(stack, script("loop", "!loop"))
    await deploy(stack, "loop")
    async with stack.sandbox() as sandbox:
        users = {user.user_id: user.username or "" for user in await sandbox.users()}
        speaker = await guest(sandbox)
        asked: list[int] = []
        for _ in range(2):
            asked.append((await sandbox.say(CHAT, speaker, "!loop")).message_id)

            async def all_answered() -> bool:
                messages = await sandbox.messages(CHAT, after=asked[0], limit=500)
                return sum(message.reply_to == asked[-1] for message in messages) >= 6

            await until(all_answered, "all six accounts answer the guest", 30)
        said = await sandbox.messages(CHAT, after=asked[0], limit=500)
        answers = [message for message in said if users.get(message.sender_id, "").startswith("demo_")]
        assert {message.reply_to for message in answers if message.text == "!loop"} == set(asked)
