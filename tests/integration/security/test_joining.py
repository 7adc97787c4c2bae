"""Joining over HTTP: who gets in with a one-time token, and what a broker that forgot everything is given again."""

import asyncio
import base64
from pathlib import Path

import aio_pika
import httpx
from aiormq.exceptions import ProbableAuthenticationError

from services.node_agent.joining import Ask, NotLetIn, join
from services.node_agent.store.identity_file import IdentityFile
from services.node_agent.transports.amqp import address_of
from services.registry.broker.rabbit import RabbitAccess
from shared.contracts.enrolments import ENROL_PATH, proof_of
from shared.sealing import new_sealing_key, sealing_key_of
from shared.signing import new_signing_key, signature_of, verifying_key_of
from tests.integration.transports.office import BackOffice
from tests.support import servers
from tests.support.waiting import until


async def invited(office: BackOffice, **body: object) -> str:
    """A token."""
    answer = await office.http.post("/api/v1/workers/enrolments", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["token"])


def asking(token: str, **more: str) -> dict[str, str]:
    """What a machine says, with keys of its own."""
    private = new_signing_key()
    sealing = base64.b64encode(sealing_key_of(new_sealing_key())).decode()
    signing = base64.b64encode(verifying_key_of(private)).decode()
    proof = signature_of(private, proof_of(token, sealing, signing))
    return {"token": token, "sealing_key": sealing, "signing_key": signing, "proof": proof} | more


async def ask(office: BackOffice, body: dict[str, str]) -> httpx.Response:
    """Join, without any other authorisation; as soon as the deployer has told its keys."""

    async def answered() -> httpx.Response | None:
        async with httpx.AsyncClient(base_url=office.url, timeout=20) as api:
            answer = await api.post(ENROL_PATH, json=body)
        return None if answer.status_code == 503 else answer

    answer = await until(answered, "the registry knows the deployer's keys")
    assert answer is not None
    return answer


async def told(answer: httpx.Response) -> tuple[int, str]:
    """The status and the kind of problem."""
    return answer.status_code, answer.json()["type"].removeprefix("urn:callboard:problem:")


async def test_a_token_lets_one_machine_in_and_that_one_again(office: BackOffice) -> None:
    """A token that leaked after its use would make a second node; a lost answer would lose the machine."""
    token = await invited(office, labels={"site": "tokyo"})
    mine = asking(token, node_id="tokyo-7")
    first, again = (await ask(office, mine)).json(), (await ask(office, mine)).json()
    assert first["node_id"] == again["node_id"] == "tokyo-7" and first["labels"] == {"site": "tokyo"}
    assert first["token"] != again["token"]
    async with await aio_pika.connect(_address(again)):
        pass
    assert await told(await ask(office, asking(token))) == (403, "enrolment-used")
    assert await told(await ask(office, mine | {"proof": asking(token)["proof"]})) == (401, "keys-not-proven")


async def test_who_has_no_good_token_is_refused(office: BackOffice) -> None:
    """The door is open to the whole network."""
    assert await told(await ask(office, asking("cb-join-" + "0" * 32))) == (401, "no-such-enrolment")
    named = await invited(office, node_id="osaka-1")
    assert await told(await ask(office, asking(named, node_id="tokyo-1"))) == (403, "other-node")
    assert (await ask(office, asking(named))).status_code == 200
    free = await invited(office)
    assert await told(await ask(office, asking(free, node_id="osaka-1"))) == (409, "node-exists")
    assert await told(await ask(office, asking(free, hostname="???"))) == (422, "node-id-needed")


async def test_a_machine_that_joins_anew_takes_the_place_of_the_one_before(office: BackOffice, tmp_path: Path) -> None:
    """A machine that was replaced, or broken into, would go on beside the new one."""
    before = await office.enrolled("tokyo-1", tmp_path / "before")
    assert before.given.broker is not None
    connection = await aio_pika.connect(address_of(before.given.broker, None))
    closed = asyncio.Event()
    connection.close_callbacks.add(lambda *_: closed.set())
    await office.enrolled("tokyo-1", tmp_path / "after")
    async with asyncio.timeout(5):
        await closed.wait()
    try:
        await aio_pika.connect(address_of(before.given.broker, None), timeout=5)
        raise AssertionError("the old login is still good")
    except ProbableAuthenticationError:
        pass


async def test_a_broker_that_was_erased_gets_its_logins_again(
    office: BackOffice, amqp_url: str, broker_server: servers.Broker, tmp_path: Path
) -> None:
    """The broker is disposable: after a loss of its disk nobody should have to join again."""
    joined = await office.enrolled("tokyo-1", tmp_path / "tokyo-1")
    assert joined.given.broker is not None
    access = RabbitAccess(amqp_url, broker_server.management)
    await access.cut_off(["tokyo-1"])
    await access.close()

    async def is_back() -> bool:
        try:
            async with await aio_pika.connect(address_of(joined.given.broker, None), timeout=5) as connection:  # type: ignore[arg-type]
                channel = await connection.channel()
                await channel.get_queue("node.tokyo-1.commands")
                return True
        except (ProbableAuthenticationError, aio_pika.exceptions.AMQPError):
            return False

    await until(is_back, "the login and the queue are back", 15)


async def test_the_command_says_why_a_machine_is_not_let_in(office: BackOffice, tmp_path: Path) -> None:
    """An operator at a strange machine has nothing but this sentence."""
    outcome = await asyncio.to_thread(join, Ask(office.url, "cb-join-wrong"), IdentityFile(tmp_path))
    assert isinstance(outcome, NotLetIn) and "callboard nodes enroll" in outcome.reason
    assert not IdentityFile(tmp_path).exists()


def _address(answer: dict[str, dict[str, str]]) -> str:
    login = answer["broker"]
    return login["url"].replace("amqp://", f"amqp://{login['username'].replace('@', '%40')}:{login['password']}@")
