"""What is sent about servers, and how the refusals of servers are answered."""

from typing import Annotated, Self

from pydantic import AfterValidator, ConfigDict, Field, SecretStr, Strict, StringConstraints, model_validator

from services.deployer.domain.logins import AgentLogin, KeyLogin, Login, PasswordLogin
from services.deployer.domain.server_problems import ServerProblem, Trouble
from services.deployer.domain.servers import DEFAULT_DIRECTORY, is_plain_directory
from services.deployer.use_cases.servers import NewServer, NoSuchServer, NotConfirmed, NotReached
from shared.contracts.identifiers import NodeId, ScriptId, ServerId
from shared.http import Problem
from shared.http.fields import Body
from shared.http.responses import problems

# The largest key of ssh-keygen (RSA with 16,384 bits) has 13 KB.
MOST_KEY = 20_000

# What a server did not do is no fault of the request and none of the deployer: 424, failed dependency.
_MEANINGS = {
    Trouble.UNREACHABLE: "nothing answers there",
    Trouble.TIMED_OUT: "the server did not answer in time",
    Trouble.CONNECTION_LOST: "the connection broke off; no file was left half written under its name",
    Trouble.NOT_SSH: "what answers there speaks no SSH that is known here",
    Trouble.HOST_KEY_CHANGED: "the server shows another host key than the confirmed one; nobody logged in",
    Trouble.LOGIN_REFUSED: "the server does not let this login in",
    Trouble.LOGIN_UNREADABLE: "the stored login was sealed with another secret of the deployer",
    Trouble.NO_SFTP: "the server offers no SFTP, or not what is needed of it",
    Trouble.DISK_FULL: "the server's disk is full; nothing was replaced",
    Trouble.NOT_WRITABLE: "the user may not write there; nothing was replaced",
    Trouble.DAMAGED: "what was read back is not what was sent; nothing was replaced",
    Trouble.BUSY: "as many sessions as may be are open there already",
    Trouble.INSTALL_FAILED: "the agent was not installed; what ran before runs on",
}
_OF_THE_KEY = {
    Trouble.KEY_UNREADABLE: "this is no private key",
    Trouble.KEY_IS_ENCRYPTED: "the private key is encrypted and came without its passphrase",
    Trouble.KEY_NOT_OPENED: "the passphrase does not open the private key",
}

UNKNOWN = problems((404, "no-such-server", "no server has this id"))
UNCONFIRMED = problems((409, "server-not-confirmed", "its host key has to be confirmed first"))
OTHER_KEY = problems((409, "fingerprint-differs", "the server showed a key with another fingerprint"))
UNREADABLE = problems((424, Trouble.LOGIN_UNREADABLE, _MEANINGS[Trouble.LOGIN_UNREADABLE]))
NONE_YET = problems((404, "no-installation", "nobody has installed the agent there from here"))
SCANNED = problems(
    *((424, one, _MEANINGS[one]) for one in (Trouble.UNREACHABLE, Trouble.TIMED_OUT, Trouble.CONNECTION_LOST)),
    *((424, one, _MEANINGS[one]) for one in (Trouble.NOT_SSH, Trouble.BUSY)),
)
REGISTERED = problems(
    (409, "server-exists", "there is a server of this id"),
    (409, "link-exists", "another server has the link of this node"),
    *((422, trouble, meaning) for trouble, meaning in _OF_THE_KEY.items()),
)
REACHED = problems(
    *((424, trouble, meaning) for trouble, meaning in _MEANINGS.items()),
    *((422, trouble, meaning) for trouble, meaning in _OF_THE_KEY.items()),
)


def _directory(given: str) -> str:
    if not is_plain_directory(given):
        raise ValueError("must be a folder in plain words: a-z, A-Z, 0-9, '_', '.', '-' and '/', without '..'")
    return given


Host = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9:][A-Za-z0-9.:_-]{0,252}$"),
    Field(description="name or address", examples=["127.0.0.1"]),
]
User = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.@-]{0,63}$"),
    Field(description="who logs in there", examples=["callboard"]),
]
Directory = Annotated[
    str,
    Field(min_length=1, max_length=200, description="where everything of Callboard is; below the home if not absolute"),
    AfterValidator(_directory),
]


class LoginBody(Body):
    """How to log in: exactly one of a private key, a password, and the SSH agent of the deployer's process."""

    private_key: Annotated[SecretStr, Field(min_length=1, max_length=MOST_KEY)] | None = Field(
        default=None, description="the file as ssh-keygen writes it"
    )
    passphrase: Annotated[SecretStr, Field(min_length=1, max_length=1000)] | None = Field(
        default=None, description="of the private key, if it has one"
    )
    password: Annotated[SecretStr, Field(min_length=1, max_length=1000)] | None = Field(
        default=None, description="the user's password there; a key is better"
    )
    agent: Annotated[bool, Strict()] = Field(default=False, description="the deployer's own SSH agent has the key")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if [self.private_key is not None, self.password is not None, self.agent].count(True) != 1:
            raise ValueError("give exactly one of private_key, password and agent")
        if self.passphrase is not None and self.private_key is None:
            raise ValueError("a passphrase belongs to a private_key: give both, or none")
        return self

    def login(self) -> Login:
        """The login."""
        if self.private_key is not None:
            passphrase = self.passphrase.get_secret_value() if self.passphrase else None
            return KeyLogin(self.private_key.get_secret_value(), passphrase)
        return PasswordLogin(self.password.get_secret_value()) if self.password else AgentLogin()


class ServerBody(Body):
    """A server to reach by SSH. The login is stored sealed and is never answered."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "server_id": "tokyo-1",
                    "host": "127.0.0.1",
                    "port": 22,
                    "user": "callboard",
                    "login": {"password": "of the user there"},
                    "node_id": "tokyo-1",
                    "link": True,
                }
            ]
        },
    )

    server_id: ServerId = Field(description="the operator's name for it")
    host: Host
    port: Annotated[int, Strict(), Field(ge=1, le=65535)] = Field(default=22, description="where sshd listens")
    user: User
    login: LoginBody
    directory: Directory = DEFAULT_DIRECTORY
    node_id: NodeId | None = Field(default=None, description="the node that the agent there is, or will be")
    link: Annotated[bool, Strict()] = Field(
        default=False, description="move the agent's messages over SSH: it needs no way to the broker then"
    )

    @model_validator(mode="after")
    def _link_of_a_node(self) -> Self:
        if self.link and self.node_id is None:
            raise ValueError("a link needs the node_id of the agent there")
        return self

    def asked(self) -> NewServer:
        """The server that is meant."""
        return NewServer(
            self.server_id,
            self.host,
            self.port,
            self.user,
            self.login.login(),
            self.directory,
            self.node_id,
            self.link,
        )


class NewLoginBody(LoginBody):
    """Another login, and another user if one is given. It is stored sealed and is never answered."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"agent": True}, {"password": "of the user", "user": "ops"}]}
    )

    user: User | None = Field(default=None, description="who logs in there from now on; null: who did until now")


class ConfirmBody(Body):
    """What the operator has seen on the server itself (`ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub`)."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"fingerprint": "SHA256:" + "A" * 43}]})

    fingerprint: Annotated[str, StringConstraints(pattern=r"^SHA256:[A-Za-z0-9+/]{43}$")] = Field(
        description="of the host key, as it was shown"
    )


class PushBody(Body):
    """Which script, and which version of it (null: the latest)."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"script_id": "greeter", "version": None}]}
    )

    script_id: ScriptId = Field(description="the script's id")
    version: Annotated[int, Strict(), Field(ge=1, le=2**31 - 1)] | None = Field(
        default=None, description="the version; null: the latest"
    )


SettingName = Annotated[str, StringConstraints(pattern=r"^CALLBOARD_[A-Z0-9_]{1,80}$")]
# The server's row and its directory say these.
_FIXED = {"CALLBOARD_NODE_ID", "CALLBOARD_STATE_DIR", "CALLBOARD_SESSIONS_DIR", "CALLBOARD_EXCHANGE_DIR"}


def _settings(given: dict[str, SecretStr]) -> dict[str, SecretStr]:
    for name, value in given.items():
        if name in _FIXED:
            raise ValueError(f"{name} is said by the server itself: leave it out")
        if "\0" in value.get_secret_value():
            raise ValueError(f"{name} has the character NUL, which no setting may have: remove it")
    return given


class InstallBody(Body):
    """The agent's settings, which go to the server (mode 0600) and nowhere else; null keeps those that are there."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"settings": None},
                {"settings": {"CALLBOARD_TELEGRAM__API_ID": "1", "CALLBOARD_TELEGRAM__API_HASH": "of my.telegram.org"}},
            ]
        },
    )

    settings: (
        Annotated[
            dict[SettingName, Annotated[SecretStr, Field(max_length=4000)]],
            Field(min_length=1, max_length=50),
            AfterValidator(_settings),
        ]
        | None
    ) = Field(default=None, description="environment variables by name; null: as they are there")
    join_token: Annotated[SecretStr, Field(max_length=255)] | None = Field(
        default=None, description="from an enrolment of the server's node; needed while the machine has not joined"
    )

    def plain(self) -> dict[str, str] | None:
        """The settings."""
        if self.settings is None:
            return None
        return {name: value.get_secret_value() for name, value in self.settings.items()}


INSTALLING = problems(
    (409, "install-runs", "an installation is at work there"),
    (409, "server-has-no-node", "the server was registered without the node that its agent is"),
    (409, "no-agent-here", "this deployer was installed without the agent's files"),
)


def no_such_server(server_id: str) -> Problem:
    """The answer for a server that nobody has registered."""
    return Problem(404, "no-such-server", f"there is no server {server_id!r}: GET /api/v1/group-ai/servers lists all")


def told(problem: ServerProblem) -> Problem:
    """Problem details for what went wrong with a server."""
    return Problem(422 if problem.trouble in _OF_THE_KEY else 424, problem.trouble, problem.detail)


def not_reached(server_id: str, outcome: NotReached) -> Problem:
    """Problem details for a server on which nothing could be done."""
    match outcome:
        case NoSuchServer():
            return no_such_server(server_id)
        case NotConfirmed(fingerprint):
            detail = (
                f"the host key of {server_id!r} is not confirmed: compare {fingerprint} with the server's own, then "
                f"POST it to /api/v1/group-ai/servers/{server_id}/confirm"
            )
            return Problem(409, "server-not-confirmed", detail)
        case ServerProblem():
            return told(outcome)
