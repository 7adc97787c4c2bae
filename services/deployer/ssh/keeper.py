"""Keeps the agent of a server: installs a release beside the one that runs, switches to it, and keeps it running.

This file is uploaded to the server and run there by its own `python3`, so it needs nothing but the standard library and
is read by old Pythons, too, which it then refuses in words. It works in the folder above its own:

    <directory>/agent/keeper.py · keeper.pid · keeper.lock · agent.log
    <directory>/agent/releases/<name>/   a wheel, requirements.txt, settings.json, join.json (0600), program/, venv
    <directory>/agent/environments/<name>/   what a list of requirements asks for, shared by the releases that have it
    <directory>/agent/current            the release that runs, a link
    <directory>/state · sessions · exchange   the agent's own, the same for every release

`install NAME` makes the release ready and touches nothing that runs; where the machine is no node yet, it tells what
the machine asks to become one. `switch NAME` takes the answer to that (`answer.json`), stops the old release, starts
the new one and waits for its first beat; if it does not come, the old one is started again. `supervise` is the process
that starts the agent anew when it ends, where there is no systemd of the user. The last line of the output is JSON.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

OLDEST = (3, 11)
PIP_SECONDS = 700
BEAT_SECONDS = 90
STOP_SECONDS = 30
LONGEST_WAIT = 60
LOG_BYTES = 10 * 1024 * 1024

AGENT = Path(__file__).resolve().parent
HOME = AGENT.parent
KEEPER = AGENT / "keeper.py"
CURRENT = AGENT / "current"
LOG = AGENT / "agent.log"
LOCK = AGENT / "keeper.lock"
PID = AGENT / "keeper.pid"
STATUS = HOME / "state" / "status.json"
# Written into an environment when everything is in it: one that was broken off is made anew.
COMPLETE = "complete"
UNIT = "callboard-agent-" + hashlib.sha256(str(HOME).encode()).hexdigest()[:8] + ".service"


class NotDone(Exception):
    """Why, and what to do."""


def main() -> int:
    """Parse and do; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("action", choices=("install", "switch", "stop", "supervise", "run"))
    parser.add_argument("release", nargs="?", default="")
    given = parser.parse_args()
    if given.action == "supervise":
        return supervise()
    if given.action == "run":
        return run_in_place()
    try:
        if given.action == "stop":
            done = stop()
        else:
            done = install(given.release) if given.action == "install" else switch(given.release)
        print(json.dumps({"ok": True, **done}))
    except NotDone as error:
        print(json.dumps({"ok": False, "detail": str(error)}))
    return 0


def install(name: str) -> dict[str, Any]:
    """Make a release ready: its environment, from the hashed list, and its settings, tried."""
    release = AGENT / "releases" / name
    if sys.version_info < OLDEST:
        found = ".".join(map(str, sys.version_info[:2]))
        raise NotDone(f"the server's python3 is {found}: install Python 3.11 or newer there")
    settings = release / "settings.json"
    if not settings.exists():
        if not (CURRENT / "settings.json").exists():
            raise NotDone("there is no agent yet whose settings could be kept: send the settings with the installation")
        shutil.copy2(CURRENT / "settings.json", settings)
    for folder in ("state", "sessions", "exchange"):
        (HOME / folder).mkdir(mode=0o700, exist_ok=True)
    python = release / "venv" / "bin" / "python"
    (release / "venv").symlink_to(Path("..", "..", "environments", _environment_with(release / "requirements.txt")))
    (wheel,) = release.glob("*.whl")
    # A wheel of plain Python, made by the deployer: unpacked it is installed.
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(release / "program")
    tried = "from services.node_agent.settings import AgentSettings; from shared.settings import read_settings; "
    _do([str(python), "-c", tried + "read_settings(AgentSettings)"], "the settings are refused", _environment(release))
    # All of it is loaded: what is missing is found before a token is used and before the agent there is stopped.
    asked = "from importlib.metadata import version; import services.node_agent.app; print(version('callboard'))"
    told = _do([str(python), "-c", asked], "the installed agent does not load", _environment(release))
    return {"version": told.strip(), "joins": _asks(release)}


def _environment_with(requirements: Path) -> str:
    """The name of the environment that has what the list asks for. It is made once: an upgrade most often asks for what
    the agent before it asked for, and making one takes a minute.
    """
    name = hashlib.sha256(sys.version.encode() + b"\0" + requirements.read_bytes()).hexdigest()[:16]
    place = AGENT / "environments" / name
    if (place / COMPLETE).exists():
        return name
    shutil.rmtree(place, ignore_errors=True)
    place.parent.mkdir(mode=0o700, exist_ok=True)
    _do([sys.executable, "-m", "venv", str(place)], "no environment could be made: is python3-venv installed?")
    pip = [
        str(place / "bin" / "python"),
        "-m",
        "pip",
        "--disable-pip-version-check",
        "install",
        "--quiet",
        "--no-input",
    ]
    _do([*pip, "--require-hashes", "-r", str(requirements)], "what the agent needs was not installed")
    (place / COMPLETE).touch()
    return name


def switch(name: str) -> dict[str, Any]:
    """Run this release in place of the one before; if it does not beat, the one before runs again."""
    # Once begun it is brought to its end, also when whoever asked for it hangs up.
    for number in (signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    _take_answer(AGENT / "releases" / name)
    before = str(CURRENT.readlink()) if CURRENT.is_symlink() else None
    stop()
    _point_to("releases/" + name)
    started = time.time()
    way = _start()
    version = _beaten(started)
    if version is not None:
        _forget({name, Path(before).name if before else name})
        return {"version": version, "way": way}
    why = f"the agent was started but did not beat within {BEAT_SECONDS} s; its last words: {_last_words()}"
    stop()
    if before is None:
        CURRENT.unlink()
        raise NotDone(why)
    _point_to(before)
    _start()
    raise NotDone(why + "; the one before was started again")


def stop() -> dict[str, Any]:
    """Stop the agent, whichever way it was started."""
    if _user_systemd() and _unit_file().exists():
        _systemctl("stop", UNIT)
    if _supervised():
        os.kill(int(PID.read_text()), signal.SIGTERM)
        deadline = time.time() + STOP_SECONDS
        while _supervised():
            if time.time() > deadline:
                raise NotDone(f"the agent that runs does not end: see {LOG} there")
            time.sleep(0.1)
    return {}


def run_in_place() -> int:
    """Become the agent: for systemd, which does the rest."""
    python = CURRENT / "venv" / "bin" / "python"
    os.chdir(str(HOME))
    argv = [str(python), "-m", "services.node_agent"]
    os.execve(str(python), argv, _environment(CURRENT))  # noqa: S606 (our own command line, no shell)


def supervise() -> int:
    """Start the agent, and again whenever it ends, until SIGTERM."""
    lock = LOCK.open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return 1
    PID.write_text(str(os.getpid()))
    child: list[subprocess.Popen[bytes]] = []
    ending: list[bool] = []

    def end(*_: Any) -> None:
        ending.append(True)
        if child:
            child[0].terminate()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    wait = 1
    while not ending:
        started = time.time()
        _put_log_aside()
        with LOG.open("ab") as log:
            child[:] = [_agent(log)]
        if ending:
            child[0].terminate()
        _wait_for(child[0], ending)
        # One that ran for a while did not fail at its start.
        wait = 1 if time.time() - started > LONGEST_WAIT else min(wait * 2, LONGEST_WAIT)
        until = time.time() + wait
        while not ending and time.time() < until:
            time.sleep(0.2)
    return 0


def _agent(log: Any) -> subprocess.Popen[bytes]:
    argv = [str(CURRENT / "venv" / "bin" / "python"), "-m", "services.node_agent"]
    return subprocess.Popen(argv, cwd=HOME, env=_environment(CURRENT), stdout=log, stderr=log)


def _wait_for(child: subprocess.Popen[bytes], ending: list[bool]) -> None:
    late = None
    while child.poll() is None:
        if ending and late is None:
            late = time.time() + STOP_SECONDS / 2
        if late is not None and time.time() > late:
            child.kill()
        time.sleep(0.1)


def _start() -> str:
    """Start what `current` points to; the way in which it runs."""
    if _user_systemd():
        _unit_file().parent.mkdir(parents=True, exist_ok=True)
        _unit_file().write_text(_unit())
        # Without lingering it would end with the last session of the user; where that is not permitted, it does.
        subprocess.run(["loginctl", "enable-linger"], check=False, capture_output=True)
        for words in (("daemon-reload",), ("enable", "--quiet", UNIT), ("restart", UNIT)):
            _systemctl(*words)
        return "systemd"
    argv = [sys.executable, str(KEEPER), "supervise"]
    with LOG.open("ab") as log:
        subprocess.Popen(argv, cwd=HOME, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    return "process"


def _unit() -> str:
    return (
        f"[Unit]\nDescription=Callboard agent ({str(HOME).replace('%', '%%')})\n\n"
        f"[Service]\nExecStart={_word(sys.executable)} {_word(str(KEEPER))} run\nRestart=always\nRestartSec=5\n\n"
        "[Install]\nWantedBy=default.target\n"
    )


def _word(text: str) -> str:
    """One word of a command line of systemd's, in which four signs mean something."""
    for sign, written in (("\\", "\\\\"), ('"', '\\"'), ("%", "%%"), ("$", "$$")):
        text = text.replace(sign, written)
    return f'"{text}"'


def _unit_file() -> Path:
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "systemd" / "user" / UNIT


def _user_systemd() -> bool:
    # Who does not want it says so in the user's environment there.
    if os.environ.get("CALLBOARD_AGENT_WAY") == "process":
        return False
    return shutil.which("systemctl") is not None and _ran("systemctl", "--user", "show-environment") == 0


def _systemctl(*words: str) -> None:
    if _ran("systemctl", "--user", *words) != 0:
        raise NotDone(f"systemctl --user {' '.join(words)} failed on the server")


def _ran(*argv: str) -> int:
    environment = dict(os.environ)
    environment.setdefault("XDG_RUNTIME_DIR", f"/run/user/{os.getuid()}")
    return subprocess.run(argv, env=environment, capture_output=True, check=False, timeout=60).returncode


def _supervised() -> bool:
    """Whether a supervisor runs: it holds the lock for as long as it does."""
    if not LOCK.exists() or not PID.exists():
        return False
    with LOCK.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
    return False


def _asks(release: Path) -> dict[str, Any] | None:
    """What the machine asks to become a node, if it is none yet and was sent a token."""
    if (HOME / "state" / "identity.json").exists():
        return None
    if not (release / "join.json").exists():
        raise NotDone("the machine is no node yet: send a token to join with, `callboard nodes enroll` makes one")
    return dict(json.loads(_join(release, "--request")))


def _take_answer(release: Path) -> None:
    if (release / "answer.json").exists():
        _join(release, "--answer", str(release / "answer.json"))
    for name in ("join.json", "answer.json"):
        (release / name).unlink(missing_ok=True)


def _join(release: Path, *words: str) -> str:
    join = json.loads((release / "join.json").read_text())
    python = str(release / "venv" / "bin" / "python")
    argv = [python, "-m", "services.node_agent", "join", join["url"], join["token"], *words]
    return _do(argv, "the machine did not join", _environment(release))


def _beaten(started: float) -> str | None:
    """The version of the agent that wrote its status since; None when none did in time."""
    deadline = time.time() + BEAT_SECONDS
    while time.time() < deadline:
        try:
            if STATUS.stat().st_mtime >= started:
                return str(json.loads(STATUS.read_text())["version"])
        except (OSError, ValueError, KeyError):
            pass
        time.sleep(0.2)
    return None


def _environment(release: Path) -> dict[str, str]:
    """What the agent sees: the user's own environment without another Callboard's, its settings, its folders."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("CALLBOARD_")}
    own.update(json.loads((release / "settings.json").read_text()))
    # Resolved: what `current` points to later is not this agent's program.
    program = release.resolve() / "program"
    if program.exists():
        own["PYTHONPATH"] = str(program)
    for name in ("state", "sessions", "exchange"):
        own[f"CALLBOARD_{name.upper()}_DIR"] = str(HOME / name)
    return own


def _point_to(target: str) -> None:
    fresh = AGENT / "current.new"
    if fresh.is_symlink():
        fresh.unlink()
    fresh.symlink_to(target)
    fresh.replace(CURRENT)


def _forget(kept: set[str]) -> None:
    """Remove releases of long ago: the one that runs and the one before it stay, with what they need."""
    needed = set()
    for release in (AGENT / "releases").iterdir():
        if release.name in kept:
            needed.add((release / "venv").resolve().name)
        else:
            shutil.rmtree(release, ignore_errors=True)
    for environment in (AGENT / "environments").iterdir():
        if environment.name not in needed:
            shutil.rmtree(environment, ignore_errors=True)


def _do(argv: list[str], complaint: str, environment: dict[str, str] | None = None) -> str:
    try:
        ran = subprocess.run(
            argv, env=environment, capture_output=True, text=True, check=False, timeout=PIP_SECONDS, cwd=HOME
        )
    except subprocess.TimeoutExpired:
        raise NotDone(f"{complaint} (it took longer than {PIP_SECONDS} s)") from None
    if ran.returncode:
        said = (ran.stderr or ran.stdout).strip().splitlines()[-3:]
        raise NotDone(f"{complaint}: {' '.join(said)[:400]}")
    return ran.stdout


def _last_words() -> str:
    try:
        return " ".join(LOG.read_text(errors="replace").splitlines()[-3:])[-400:] or "none"
    except OSError:
        return "none"


def _put_log_aside() -> None:
    if LOG.exists() and LOG.stat().st_size > LOG_BYTES:
        LOG.replace(AGENT / "agent.log.1")


if __name__ == "__main__":
    sys.exit(main())
