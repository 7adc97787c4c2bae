"""What asyncssh and the network raise, as problems with what to do next. The only place that reads those exceptions.

Neither a key nor a password is in any of these sentences; what a server says of itself is quoted short and printable.
"""

import socket

import asyncssh

from services.deployer.domain.server_problems import ServerProblem, Trouble

# A server may say anything; this much of it is enough to recognise it.
MOST_QUOTED = 200


class Failed(Exception):
    """Ends an action over SSH with a problem; raised and caught in this room only."""

    def __init__(self, trouble: Trouble, detail: str) -> None:
        super().__init__(detail)
        self.problem = ServerProblem(trouble, detail)


# Everything that an action over SSH may end with. TimeoutError is an OSError.
EXPECTED = (OSError, asyncssh.Error, asyncssh.SFTPError, Failed)


def problem_of(error: BaseException, address: str, user: str | None = None) -> ServerProblem:
    """The problem that an exception of `EXPECTED` stands for."""
    match error:
        case Failed():
            return error.problem
        case TimeoutError():
            return ServerProblem(
                Trouble.TIMED_OUT,
                f"{address} did not answer in time: see whether the server is up and not overloaded, and whether a "
                "firewall swallows the port",
            )
        case socket.gaierror():
            return ServerProblem(
                Trouble.UNREACHABLE, f"the name in {address} is not known: see its spelling and the name service"
            )
        case ConnectionRefusedError():
            return ServerProblem(
                Trouble.UNREACHABLE, f"nothing listens at {address}: see whether sshd runs there, and on which port"
            )
        case ConnectionResetError() | BrokenPipeError():
            return _lost(address)
        case OSError():
            said = error.strerror or type(error).__name__
            return ServerProblem(Trouble.UNREACHABLE, f"{address} cannot be reached: {quoted(said)}")
        case _:
            return _of_ssh(error, address, user)


def _of_ssh(error: BaseException, address: str, user: str | None) -> ServerProblem:
    match error:
        case asyncssh.HostKeyNotVerifiable():
            return ServerProblem(
                Trouble.HOST_KEY_CHANGED,
                f"{address} shows another host key than the one that was confirmed, so nobody logged in there. If the "
                "server was installed anew, scan it again and confirm the new fingerprint; if not, somebody may stand "
                "in between",
            )
        case asyncssh.PermissionDenied():
            return ServerProblem(
                Trouble.LOGIN_REFUSED,
                f"{address} does not let {user or 'this user'} in with this login: see the user's name and its "
                "authorized_keys (or password), or give the right login with `callboard servers login`",
            )
        case asyncssh.ConnectionLost() | asyncssh.SFTPConnectionLost() | asyncssh.SFTPNoConnection():
            return _lost(address)
        case asyncssh.ChannelOpenError():
            return ServerProblem(
                Trouble.NO_SFTP,
                f"{address} opens no session: see Subsystem, MaxSessions and ForceCommand in its sshd_config",
            )
        case asyncssh.SFTPPermissionDenied():
            return ServerProblem(Trouble.NOT_WRITABLE, f"{address} does not permit it: see who owns the directory")
        case asyncssh.SFTPError():
            detail = (
                f"{address} refuses it ({quoted(error.reason)}): see whether the directory can be there, and its owner"
            )
            return ServerProblem(Trouble.NOT_WRITABLE, detail)
        case asyncssh.KeyExchangeFailed() | asyncssh.ProtocolError() | asyncssh.DisconnectError():
            return ServerProblem(
                Trouble.NOT_SSH,
                f"what answers at {address} and this deployer find no common SSH: {quoted(str(error))}",
            )
        case _:
            return ServerProblem(Trouble.NOT_SSH, f"{address}: {quoted(str(error))}")


def _lost(address: str) -> ServerProblem:
    return ServerProblem(
        Trouble.CONNECTION_LOST,
        f"the connection to {address} broke off; no file was left half written under its name. Try again",
    )


def quoted(text: str) -> str:
    """A stranger's words, short and printable."""
    return "".join(one if one.isprintable() else " " for one in text[:MOST_QUOTED]).strip()
