"""Tokens in memory: the twin of `store.tokens`. Time is the given clock's."""

from dataclasses import replace
from datetime import timedelta

from services.registry.domain.tokens import NameTaken, NewToken, Token
from shared.clock import Clock

A_MINUTE = timedelta(minutes=1)


class InMemoryTokens:
    """`TokenStore` in one process. `fail_with` is raised while it is set."""

    def __init__(self, clock: Clock) -> None:
        self.fail_with: Exception | None = None
        self._clock = clock
        self._tokens: dict[str, Token] = {}
        self._ids: dict[str, str] = {}

    async def add(self, token: NewToken) -> Token | NameTaken:
        """Store a token."""
        if (living := await self.living(token.name)) is not None:
            return NameTaken(living.id)
        now = self._clock.now()
        ends_at = None if token.valid_seconds is None else now + timedelta(seconds=token.valid_seconds)
        self._ids[token.hash] = token.id
        self._tokens[token.id] = Token(
            id=token.id,
            name=token.name,
            role=token.role,
            created_at=now,
            created_by=token.created_by,
            ends_at=ends_at,
            last_used_at=None,
            revoked_at=None,
            revoked_by=None,
            ended=False,
        )
        return self._shown(token.id)

    async def page(self, dead: bool, after: tuple[str, str], limit: int) -> list[Token]:
        """Tokens by name and id."""
        self._answer()
        places = sorted((token.name, token.id) for token in self._tokens.values())
        found = [self._shown(place[1]) for place in places if place > after]
        return [token for token in found if dead or token.opens][:limit]

    async def living(self, name: str) -> Token | None:
        """The token of this name that has not been revoked."""
        self._answer()
        found = [one for one in self._tokens.values() if one.name == name and one.revoked_at is None]
        return self._shown(found[0].id) if found else None

    async def revoke(self, token_id: str, by: str) -> Token | None:
        """Revoke a token."""
        self._answer()
        token = self._tokens.get(token_id)
        if token is None:
            return None
        if token.revoked_at is None:
            self._tokens[token_id] = replace(token, revoked_at=self._clock.now(), revoked_by=by)
        return self._shown(token_id)

    async def use(self, hash_: str) -> Token | None:
        """The token of this hash."""
        self._answer()
        if hash_ not in self._ids:
            return None
        token, now = self._shown(self._ids[hash_]), self._clock.now()
        if token.opens and (token.last_used_at is None or token.last_used_at < now - A_MINUTE):
            self._tokens[token.id] = replace(token, last_used_at=now)
        return token

    def _shown(self, token_id: str) -> Token:
        token = self._tokens[token_id]
        return replace(token, ended=token.ends_at is not None and token.ends_at <= self._clock.now())

    def _answer(self) -> None:
        if self.fail_with is not None:
            raise self.fail_with
