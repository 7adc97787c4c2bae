"""The machine's time zone, as systems say it."""

from pathlib import Path

import pytest

from services.node_agent.store.time_zone import local_time_zone


def test_the_link_says_where_the_machine_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A window in the node's time zone would be one in UTC."""
    monkeypatch.delenv("TZ", raising=False)
    link, written = tmp_path / "localtime", tmp_path / "timezone"
    assert local_time_zone(link, written) is None
    written.write_text("Europe/Berlin\n")
    assert local_time_zone(link, written) == "Europe/Berlin"
    link.symlink_to("/usr/share/zoneinfo/Asia/Tokyo")
    assert local_time_zone(link, written) == "Asia/Tokyo"
    monkeypatch.setenv("TZ", ":America/Lima")
    assert local_time_zone(link, written) == "America/Lima"


@pytest.mark.parametrize("nonsense", ["Mars/Olympus", "Europe", "../etc/passwd", "JST-9", "\xe9"])
def test_what_is_no_name_is_not_told(nonsense: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The deployer would plan with a time zone that it cannot find."""
    monkeypatch.delenv("TZ", raising=False)
    written = tmp_path / "timezone"
    written.write_text(nonsense, encoding="utf-8")
    assert local_time_zone(tmp_path / "none", written) is None
