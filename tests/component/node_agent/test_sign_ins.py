"""Signing in on the node, the whole agent in virtual time: from the order to the login in the vault."""

import base64
import zlib
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from services.node_agent.domain.telegram import Unreachable
from services.node_agent.telegram.in_memory_sign_in import CODE, Person
from shared.contracts import names
from shared.contracts.identifiers import content_hash
from shared.contracts.logins import AnswerLogin, BeginLogin, LoginKind, LoginReported
from shared.contracts.sessions import SessionRefused, SessionStored, sealed_for
from shared.messaging import Route
from shared.sealing import open_sealed, seal, sealing_key_of
from tests.component.node_agent.virtual_agent import BEGINNING, World
from tests.support.agent.orders import NODE
from tests.support.agent.trusting import NODES, SIGNER, VAULT

PHONE, PASSWORD, TOKEN = "+491711234567", "correct horse", "1234:the-token-of-a-bot"
LOGIN = b"SQLite a new login"
QUEUE = names.Queue("model.sign-ins", (names.Binding(names.EVENTS, "node.*.login"),))


class Desk:
    """A deployer's half of sign-ins."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.reports: list[LoginReported] = []
        world.door.people[PHONE.lstrip("+")] = Person(77, LOGIN)
        world.door.bots[TOKEN] = Person(78, LOGIN + b" of a bot")
        world.bus.attach([Route(QUEUE, {LoginReported: self._on_report})])

    async def begin(self, number: int = 1, secret: str = PHONE, kind: LoginKind = LoginKind.PHONE) -> BeginLogin:
        """Order a sign-in."""
        now, login_id = self.world.clock.now(), f"lgn_{number:032x}"
        order = BeginLogin(
            node_id=NODE,
            login_id=login_id,
            account_id="nell",
            kind=kind,
            secret=sealed(BeginLogin.TYPE, login_id, secret),
            issued_at=now,
            expires_at=now + timedelta(minutes=10),
        )
        await self.world.bus.publish(SIGNER.sign(order))
        await self.world.clock.run_for(1)
        return order

    async def answer(self, secret: str, question: int | None = None, number: int = 1) -> None:
        """Answer what was asked last."""
        login_id = f"lgn_{number:032x}"
        order = AnswerLogin(
            node_id=NODE,
            login_id=login_id,
            account_id="nell",
            question=question or self.reports[-1].number,
            secret=sealed(AnswerLogin.TYPE, login_id, secret),
            issued_at=self.world.clock.now(),
        )
        await self.world.bus.publish(SIGNER.sign(order))
        await self.world.clock.run_for(1)

    async def store(self) -> None:
        """The vault has the login."""
        [hash_] = {report.hash for report in self.reports if report.hash}
        stored = SessionStored(node_id=NODE, account_id="nell", epoch=0, hash=hash_, stored_at=self.world.clock.now())
        await self.world.bus.publish(SIGNER.sign(stored))
        await self.world.clock.run_for(1)

    def states(self) -> list[str]:
        """What was reported."""
        return [report.state.value for report in self.reports]

    async def _on_report(self, report: LoginReported) -> None:
        self.reports.append(report)


def sealed(purpose: str, login_id: str, secret: str) -> str:
    """A secret for the node."""
    bound_to = sealed_for(purpose, NODE, "nell", 0, login_id)
    return base64.b64encode(seal(secret.encode(), sealing_key_of(NODES), bound_to)).decode()


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    """A running agent without accounts."""
    world = World()
    desk = Desk(world)
    async with world.running():
        await world.clock.run_for(BEGINNING)
        yield desk
    await world.close()


async def test_a_code_brings_the_login_into_the_vault(desk: Desk) -> None:
    """An account could come to a node only as a file that somebody made elsewhere and carried."""
    await desk.begin()
    assert desk.states()[-1] == "code_wanted" and desk.reports[-1].hint == "app"
    await desk.answer(CODE)
    report = desk.reports[-1]
    assert (report.state.value, report.user_id, report.hash) == ("signed_in", 77, content_hash(LOGIN))
    assert report.sealed is not None and report.hash is not None
    bound_to = sealed_for(LoginReported.TYPE, NODE, "nell", 0, report.hash)
    assert zlib.decompress(open_sealed(base64.b64decode(report.sealed), VAULT, bound_to)) == LOGIN
    assert desk.world.door.opened == desk.world.door.closed == 1


async def test_it_is_said_until_the_vault_has_it(desk: Desk) -> None:
    """A login that was made would be lost with one message, and its owner told to sign in again."""
    await desk.begin()
    await desk.answer(CODE)
    await desk.world.clock.run_for(120)
    assert desk.states().count("signed_in") >= 2
    await desk.store()
    before = len(desk.reports)
    await desk.world.clock.run_for(3600)
    assert len(desk.reports) == before


async def test_a_login_that_the_vault_does_not_take_is_not_said_again(desk: Desk) -> None:
    """It would be one more dead letter every ten minutes, for ever."""
    await desk.begin()
    await desk.answer(CODE)
    said = len(desk.reports)
    refused = SessionRefused(
        node_id=NODE,
        account_id="nell",
        epoch=0,
        hash=content_hash(LOGIN),
        reason="another account has it",
        refused_at=desk.world.clock.now(),
    )
    await desk.world.bus.publish(SIGNER.sign(refused))
    await desk.world.clock.run_for(3_000)
    assert len(desk.reports) == said


async def test_it_is_said_after_a_restart_too() -> None:
    """The agent may end in the moment after the sign-in."""
    world = World()
    desk = Desk(world)
    async with world.running():
        await world.clock.run_for(BEGINNING)
        await desk.begin()
        world.bus.lose = lambda message: isinstance(message, LoginReported)
        await desk.answer(CODE, question=2)
    world.bus.lose = lambda message: False
    assert "signed_in" not in desk.states()
    async with world.running():
        await world.clock.run_for(BEGINNING)
    assert desk.states()[-1] == "signed_in"
    rows = await world.ledger.execute("select body from sign_ins")
    assert LOGIN.decode() not in str(rows) and PHONE not in str(rows)
    await world.close()


async def test_a_password_is_asked_for_after_the_code(desk: Desk) -> None:
    """Accounts that are well kept could not sign in."""
    desk.world.door.people[PHONE.lstrip("+")] = Person(77, LOGIN, PASSWORD, "a horse")
    await desk.begin()
    await desk.answer(CODE)
    assert (desk.states()[-1], desk.reports[-1].hint) == ("password_wanted", "a horse")
    await desk.answer("wrong")
    assert desk.states()[-1] == "password_wanted" and "not the account's" in (desk.reports[-1].reason or "")
    await desk.answer(PASSWORD)
    assert desk.states()[-1] == "signed_in"


async def test_a_wrong_code_is_asked_for_again_and_an_old_answer_is_not_taken(desk: Desk) -> None:
    """A replayed answer would use up the tries that Telegram allows."""
    await desk.begin()
    await desk.answer("99999")
    assert desk.states()[-1] == "code_wanted" and "not the code" in (desk.reports[-1].reason or "")
    before = len(desk.reports)
    await desk.answer("99999", question=2)
    assert len(desk.reports) == before
    await desk.answer(CODE)
    assert desk.states()[-1] == "signed_in"


async def test_a_bot_needs_its_token_alone(desk: Desk) -> None:
    """A bot has no phone."""
    await desk.begin(secret=TOKEN, kind=LoginKind.BOT)
    assert desk.states()[-1] == "signed_in" and desk.reports[-1].user_id == 78


@pytest.mark.parametrize(
    ("secret", "told"), [("1234:nobodys", "BotFather"), ("", "BotFather")], ids=["unknown", "empty"]
)
async def test_what_telegram_refuses_is_told_with_what_helps(desk: Desk, secret: str, told: str) -> None:
    """The operator would wait ten minutes for nothing."""
    await desk.begin(secret=secret, kind=LoginKind.BOT)
    assert desk.states()[-1] == "failed" and told in (desk.reports[-1].reason or "")


async def test_a_telegram_that_is_away_is_told(desk: Desk) -> None:
    """As above."""
    desk.world.door.trouble = Unreachable("no connection to Telegram (connection refused)")
    await desk.begin()
    assert desk.states()[-1] == "failed" and "no connection" in (desk.reports[-1].reason or "")


async def test_a_sign_in_that_nobody_answers_ends_by_itself(desk: Desk) -> None:
    """A connection to Telegram would stay open for ever, and with it the code's place."""
    await desk.begin()
    await desk.world.clock.run_for(700)
    assert desk.states()[-1] == "failed" and "too long" in (desk.reports[-1].reason or "")
    assert desk.world.door.closed == 1


async def test_another_sign_in_of_the_account_ends_the_one_before(desk: Desk) -> None:
    """Two would ask for one phone's codes, and neither could use them."""
    await desk.begin(1)
    await desk.begin(2)
    assert desk.world.door.opened == 2 and desk.world.door.closed == 1
    await desk.answer(CODE, number=2)
    assert desk.states()[-1] == "signed_in"


async def test_an_order_that_comes_again_begins_nothing(desk: Desk) -> None:
    """Whoever replays it would have Telegram send codes until it refuses to."""
    order = await desk.begin()
    await desk.world.bus.publish(SIGNER.sign(order))
    await desk.world.clock.run_for(1)
    assert desk.world.door.opened == 1
    late = order.model_copy(update={"login_id": f"lgn_{9:032x}"})
    await desk.world.clock.run_for(3600)
    await desk.world.bus.publish(SIGNER.sign(late))
    await desk.world.clock.run_for(1)
    assert desk.world.door.opened == 1


async def test_secrets_that_are_sealed_for_something_else_are_not_used(desk: Desk) -> None:
    """A secret that was recorded elsewhere could be given to a sign-in of another account's."""
    await desk.begin()
    foreign = sealed(AnswerLogin.TYPE, f"lgn_{5:032x}", CODE)
    order = AnswerLogin(
        node_id=NODE,
        login_id=f"lgn_{1:032x}",
        account_id="nell",
        question=desk.reports[-1].number,
        secret=foreign,
        issued_at=desk.world.clock.now(),
    )
    await desk.world.bus.publish(SIGNER.sign(order))
    await desk.world.clock.run_for(1)
    assert desk.states()[-1] == "code_wanted"


async def test_a_login_waits_for_a_ledger_that_is_away(desk: Desk) -> None:
    """Telegram has given the login: it would be in nobody's hands, and only the account's owner could end it."""
    await desk.begin()
    desk.world.ledger.away = True
    await desk.answer(CODE)
    await desk.world.clock.run_for(700)
    desk.world.ledger.away = False
    await desk.world.clock.run_for(5)
    assert desk.reports[-1].state.value == "signed_in" and desk.reports[-1].sealed
