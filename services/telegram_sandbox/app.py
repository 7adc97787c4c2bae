"""Builds the sandbox: the only place where its parts are constructed and wired.

`Sandbox` is used by `__main__` and, inside the tests' own event loop, by the integration tests. `start` listens on the
MTProto port and applies the world file; `stop` cuts every client and closes the state file.
"""

import ipaddress
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import structlog
from fastapi import FastAPI
from pydantic import SecretStr, ValidationError

from services.telegram_sandbox.api.admin import admin_api
from services.telegram_sandbox.api.login_routes import NOTICE, LoginDesk
from services.telegram_sandbox.api.world_routes import WorldDesk
from services.telegram_sandbox.faults import Faults
from services.telegram_sandbox.jobs.audience import Audience, Programme
from services.telegram_sandbox.mtproto.keys import KeyRing, ServerKey
from services.telegram_sandbox.mtproto.server import MtprotoServer
from services.telegram_sandbox.rpc import auth, channels, history, messages, server_info, updates, users
from services.telegram_sandbox.rpc.auth import Codes
from services.telegram_sandbox.rpc.call import Handler, Place, Services
from services.telegram_sandbox.rpc.delivery import Delivery
from services.telegram_sandbox.rpc.dispatch import Dispatcher
from services.telegram_sandbox.seeding import Seeding
from services.telegram_sandbox.sessions import SessionMint
from services.telegram_sandbox.settings import SandboxSettings
from services.telegram_sandbox.stage import Stage
from services.telegram_sandbox.world.seed import WorldSeed
from services.telegram_sandbox.world.store import Store
from services.telegram_sandbox.world.world import World
from shared.clock import Clock
from shared.randomness import Randomness

log = structlog.get_logger(__name__)

_AREAS = (auth, channels, history, messages, server_info, updates, users)


class BadWorldFile(Exception):
    """The world file is no world; the text says where it is wrong."""


class Sandbox:
    """One small Telegram data centre; see the module's docstring."""

    def __init__(self, settings: SandboxSettings, clock: Clock, randomness: Randomness) -> None:
        self._settings, self._clock, self._randomness = settings, clock, randomness
        self.server_key = ServerKey.load_or_create(settings.state_dir / "server-key.pem")
        self.keys = KeyRing()
        self.world = World(settings.seed, settings.history)
        self.faults = Faults()
        self.codes = Codes(randomness)
        self._store = Store(settings.state_dir / "world.sqlite", self.world, self.keys)
        self._store.load()
        self.server = MtprotoServer(self.server_key, self.keys, self.faults, settings.duplicate_rule)
        self.delivery = Delivery(self.world, self.server, self._now)
        self.stage = Stage(self.world, self.delivery, self._now, self._store.save)
        self.place = Place(_public_address(settings), settings.port, settings.dc_id)

    async def start(self) -> None:
        """Listen, then make what the world file asks for. Raises OSError for a taken port, `BadWorldFile`."""
        port = await self.server.start(self._settings.host, self._settings.port)
        self.place = Place(self.place.address, port, self.place.dc_id)
        self.mint = SessionMint(self.keys, self.server_key, self.place)
        self.seeding = Seeding(self.stage, self.mint)
        self.audience = Audience(self.stage, self.seeding, self._clock, self._randomness)
        self.audience.programme = Programme(**self._settings.audience.model_dump())
        self.server.answer_with(self._dispatcher())
        if self._settings.world_file:
            self.seeding.apply(_read_world(self._settings.world_file))
        log.info("sandbox_listening", address=self.place.address, port=port, dc_id=self.place.dc_id, notice=NOTICE)

    def admin_api(self, token: SecretStr) -> FastAPI:
        """The admin API of the started sandbox."""
        world = WorldDesk(self.stage, self.seeding, self.audience)
        logins = LoginDesk(self.world, self.server, self.faults, self.codes, self.mint, self.place, self._store.save)
        return admin_api(token, world, logins)

    async def stop(self) -> None:
        """Cut every client and close the state file."""
        await self.server.stop()
        self._store.close()

    def _dispatcher(self) -> Dispatcher:
        services = Services(self.world, self.keys, self.delivery, self.codes, self.server, self.place, self._now)
        return Dispatcher(services, _routes(), self.faults, self._store.save)

    def _now(self) -> int:
        return int(self._clock.now().timestamp())


def _read_world(path: Path) -> WorldSeed:
    try:
        return WorldSeed.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        raise BadWorldFile(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error


def _routes() -> Mapping[Any, Handler]:
    return {method: handler for area in _AREAS for method, handler in area.routes().items()}


def _public_address(settings: SandboxSettings) -> str:
    """The IP address that sessions name: sessions hold addresses, not names."""
    named = settings.public_address or settings.host
    try:
        address = ipaddress.ip_address(named)
    except ValueError:
        return socket.gethostbyname(named)
    return "127.0.0.1" if address.is_unspecified else str(address)
