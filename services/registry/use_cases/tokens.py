"""Make, show and revoke tokens, and say whose a token is."""

import hashlib
from dataclasses import dataclass

from services.registry.domain.tokens import BEGINNING, RESERVED, NameTaken, NewToken, Token, TokenStore
from shared.contracts.roles import Role
from shared.randomness import Randomness


@dataclass(frozen=True)
class Made:
    """A new token; `secret` is shown now and never again."""

    token: Token
    secret: str


class Tokens:
    """See the module's docstring. Everything raises `Unavailable` when the store is away."""

    def __init__(self, store: TokenStore, randomness: Randomness) -> None:
        self._store = store
        self._randomness = randomness

    async def create(self, name: str, role: Role, valid_seconds: float | None, by: str) -> Made | NameTaken:
        """A token for a person or a program."""
        if name in RESERVED:
            return NameTaken("")
        # 256 bits, so its plain hash is enough to keep: nobody guesses it.
        secret = BEGINNING + self._randomness.new_id() + self._randomness.new_id()
        new = NewToken(self._randomness.new_id("tok_"), name, role, _hash(secret), valid_seconds, by)
        stored = await self._store.add(new)
        return stored if isinstance(stored, NameTaken) else Made(stored, secret)

    async def page(self, dead: bool, after: tuple[str, str], limit: int) -> list[Token]:
        """Tokens by name; those that open nothing any more only when `dead`."""
        return await self._store.page(dead, after, limit)

    async def living(self, name: str) -> Token | None:
        """The token of this name."""
        return await self._store.living(name)

    async def revoke(self, token_id: str, by: str) -> Token | None:
        """Revoke a token; None if there is none. It is let in nowhere a few seconds later."""
        return await self._store.revoke(token_id, by)

    async def whose(self, hash_: str) -> Token | None:
        """The token with this hash, if its bearer is to be let in."""
        token = await self._store.use(hash_)
        return token if token is not None and token.opens else None


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
