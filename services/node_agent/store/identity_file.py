"""`<state>/identity.json`: what makes this machine a node. Readable by its owner alone, replaced whole or not at all.

`<state>/joining.json` holds the keys of a machine that is about to join. They are on the disk before they are told, so
that a machine whose answer got lost asks again with the same ones.
"""

import asyncio
import base64
from pathlib import Path

from pydantic import ValidationError

from services.node_agent.domain.membership import Membership, NotJoined
from services.node_agent.store.atomic import replace_file
from shared.contracts.contract import Part
from shared.contracts.keys import PublicKey, TrustedKeys
from shared.sealing import new_sealing_key
from shared.signing import new_signing_key

IDENTITY, JOINING, CA = "identity.json", "joining.json", "ca.pem"
HOW = "callboard-agent join URL TOKEN, with a token from `callboard nodes enroll`"


class PrivateKeys(Part):
    """The private halves of a machine's keys, in base64."""

    sealing_key: PublicKey
    signing_key: PublicKey


class IdentityFile:
    """The files of one state folder."""

    def __init__(self, state_dir: Path) -> None:
        self._folder = state_dir

    @property
    def path(self) -> Path:
        """Where the identity is."""
        return self._folder / IDENTITY

    @property
    def ca_path(self) -> Path:
        """Where the certificates are that the node was told to trust, if there are any."""
        return self._folder / CA

    def exists(self) -> bool:
        """Whether this machine has joined."""
        return self.path.exists()

    def read(self) -> Membership:
        """The identity. Raises NotJoined."""
        try:
            return Membership.model_validate_json(self.path.read_bytes())
        except FileNotFoundError:
            raise NotJoined(f"this machine is no node yet ({self.path} is not there): {HOW}, lets it join") from None
        except OSError as error:
            raise NotJoined(f"{self.path} cannot be read: {error}") from error
        except ValidationError as error:
            wrong = ".".join(map(str, error.errors()[0]["loc"])) or "the whole file"
            raise NotJoined(f"{self.path} is damaged ({wrong}): let the machine join again, {HOW}") from None

    def keys_to_join_with(self) -> PrivateKeys:
        """The keys of a join that has not ended, or new ones. Raises OSError."""
        path = self._folder / JOINING
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            return PrivateKeys.model_validate_json(path.read_bytes())
        except (FileNotFoundError, ValidationError):
            made = PrivateKeys(sealing_key=_written(new_sealing_key()), signing_key=_written(new_signing_key()))
            replace_file(path, made.model_dump_json().encode())
            return made

    def write(self, membership: Membership) -> None:
        """This machine is a node. Raises OSError."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if membership.given.ca is not None:
            replace_file(self.ca_path, membership.given.ca.encode())
        replace_file(self.path, (membership.model_dump_json(indent=2) + "\n").encode())
        (self._folder / JOINING).unlink(missing_ok=True)

    async def keep(self, keys: TrustedKeys) -> None:
        """Go by these keys of the deployer's after the next start, too. Raises OSError or NotJoined."""
        await asyncio.to_thread(self._keep, keys)

    def _keep(self, keys: TrustedKeys) -> None:
        membership = self.read()
        given = membership.given.model_copy(update={"keys": keys})
        self.write(membership.model_copy(update={"given": given}))


def _written(key: bytes) -> str:
    return base64.b64encode(key).decode()
