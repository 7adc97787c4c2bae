"""The console's settings: `CALLBOARD_TOKEN`, `CALLBOARD_REGISTRY_URL`, `CALLBOARD_DEPLOYER_URL`, `CALLBOARD_HTTP_PORT`.

Read once in `__main__`. The addresses are where this process reaches the services, not where the operator does; for
those with https, `CALLBOARD_CA_FILE` has the authority that they are trusted by, in place of the system's.
"""

from typing import Annotated

from pydantic import AfterValidator, StringConstraints

from shared.settings import AuthorityFile, Port, ServiceSettings, Token


def _without_slash(url: str) -> str:
    return url.rstrip("/")


BaseUrl = Annotated[str, StringConstraints(pattern=r"^https?://[^/?#\s]+[^?#\s]*$"), AfterValidator(_without_slash)]


class ConsoleSettings(ServiceSettings):
    """See the module's docstring."""

    http_port: Port = 8080
    registry_url: BaseUrl = "http://127.0.0.1:8081"
    deployer_url: BaseUrl = "http://127.0.0.1:8082"
    token: Token
    ca_file: AuthorityFile | None = None
