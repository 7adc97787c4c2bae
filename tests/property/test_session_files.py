"""Session files of every form with bytes changed, cut, doubled, moved or put in."""

import random
from pathlib import Path

from services.deployer.domain.telegram_logins import PreparedSession, RefusedSession
from tests.unit.deployer.session_making import (
    ADDRESS,
    DC,
    FORMS,
    KEY,
    old_telethon_file,
    pyrogram_string,
    tdata_files,
    telethon_file,
    zipped,
)
from tests.unit.deployer.test_session_formats import READER


def test_a_thousand_mutated_sessions_are_refused_or_read_as_what_they_say(tmp_path: Path) -> None:
    """A damaged or hostile file would end the request as an error, or be stored as something that no node reads."""
    seeds = [make() for make in FORMS.values()]
    seeds += [pyrogram_string(length=356), pyrogram_string(length=351), old_telethon_file(3), old_telethon_file(6)]
    seeds += [zipped(tdata_files(tmp_path / "tdata", KEY)), zipped({"a.session": telethon_file(), "b": b"?"})]
    outcomes: dict[type, int] = {}
    for seed in range(1_000):
        chance = random.Random(seed)
        mutated = mutate(seeds[seed % len(seeds)], chance)
        for found in READER.read("ana.session", mutated):
            outcomes[type(found.outcome)] = outcomes.get(type(found.outcome), 0) + 1
            if isinstance(found.outcome, RefusedSession):
                assert 20 < len(found.outcome.reason) < 400, seed
                assert ":" in found.outcome.reason, seed
            else:
                assert READER.read_stored(found.outcome.content) == found.outcome.login, seed
                assert found.outcome.login.address == ADDRESS or found.outcome.login.dc_id != DC, seed
    assert outcomes[RefusedSession] > 400 and outcomes[PreparedSession] > 50


def mutate(content: bytes, chance: random.Random) -> bytes:
    """The content with some bytes changed, cut, doubled, moved or put in."""
    mutated = bytearray(content)
    for _ in range(chance.choice((1, 1, 2, 5, 40))):
        place = chance.randrange(len(mutated)) if mutated else 0
        if chance.random() < 0.3:
            place = min(place, 120)  # where headers are
        match chance.randrange(7):
            case 0 | 1:
                mutated[place : place + 1] = bytes([chance.randrange(256)])
            case 2:
                mutated[place : place + 1] = bytes([(mutated[place] if mutated else 0) ^ (1 << chance.randrange(8))])
            case 3:
                del mutated[place : place + chance.randrange(1, 300)]
            case 4:
                mutated[place:place] = chance.randbytes(chance.randrange(1, 50))
            case 5:
                mutated[place:place] = mutated[place : place + chance.randrange(1, 600)]
            case _:
                mutated = mutated[: max(place, 1)] if chance.random() < 0.3 else mutated
    return bytes(mutated)
