"""What a node tells of its machine."""

import os
from pathlib import Path

from services.node_agent.store.machine import resources_of
from shared.contracts.heartbeats import Resources


def test_what_linux_tells_is_read(tmp_path: Path) -> None:
    """Kilobytes that are taken for bytes make every machine look full."""
    (tmp_path / "loadavg").write_text("0.52 0.58 0.59 2/512 12345\n")
    (tmp_path / "meminfo").write_text("MemTotal:  8000 kB\nMemAvailable:  6000 kB\nHugePages_Total:  0\n")
    (tmp_path / "self").mkdir()
    (tmp_path / "self" / "statm").write_text("900 10 5 1 0 3 0\n")
    found = resources_of(tmp_path, tmp_path)
    assert (found.load, found.memory_total, found.memory_available) == (0.52, 8_192_000, 6_144_000)
    assert found.agent_memory == 10 * os.sysconf("SC_PAGE_SIZE")
    assert found.cores == os.cpu_count()
    assert found.disk_total is not None and found.disk_free is not None and found.disk_total >= found.disk_free > 0


def test_a_machine_that_does_not_tell_beats_all_the_same(tmp_path: Path) -> None:
    """An agent on another system would never report."""
    (tmp_path / "meminfo").write_bytes(b"\xff\xfe")
    (tmp_path / "loadavg").write_text("")
    assert resources_of(tmp_path / "missing", tmp_path) == Resources(cores=os.cpu_count())
