"""The base of every service's settings: environment variables with the prefix `CALLBOARD_`.

Each service has one `Settings` tree in its `settings.py`, read once in `__main__` and handed down. A value that
does not parse ends the process with one sentence per setting, never with a traceback.
"""

import sys
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    Field,
    SecretStr,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.findings import in_words
from shared.tls import Certificate, database_tls, trusting_file


def _tls_of_database(url: str) -> str:
    database_tls(url)
    return url


def _authority(path: Path) -> Path:
    trusting_file(path)
    return path


Port = Annotated[int, Field(ge=0, le=65535)]
Token = Annotated[SecretStr, Field(min_length=16)]
AmqpUrl = Annotated[str, StringConstraints(pattern=r"^amqps?://")]
DatabaseUrl = Annotated[str, StringConstraints(pattern=r"^postgresql\+asyncpg://"), AfterValidator(_tls_of_database)]
AuthorityFile = Annotated[Path, AfterValidator(_authority)]

PREFIX = "CALLBOARD_"


class ServiceSettings(BaseSettings):
    """What every service has."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", extra="ignore", frozen=True, env_ignore_empty=True
    )

    log_level: Annotated[str, StringConstraints(to_upper=True)] = "INFO"
    log_format: Literal["json", "console"] = "json"
    http_host: str = "127.0.0.1"
    # With both the HTTP door speaks TLS, and TLS alone.
    http_certificate_file: Path | None = None
    http_key_file: Path | None = None

    @model_validator(mode="after")
    def _certificate_usable(self) -> Self:
        if (self.http_certificate_file is None) != (self.http_key_file is None):
            raise ValueError("TLS needs both CALLBOARD_HTTP_CERTIFICATE_FILE and CALLBOARD_HTTP_KEY_FILE")
        if self.certificate is not None:
            self.certificate.context()
        return self

    @property
    def certificate(self) -> Certificate | None:
        """What the HTTP door shows; None: it speaks no TLS."""
        if self.http_certificate_file is None or self.http_key_file is None:
            return None
        return Certificate(self.http_certificate_file, self.http_key_file)


SettingsT = TypeVar("SettingsT", bound=BaseSettings)


def read_settings(kind: type[SettingsT], **given: Any) -> SettingsT:
    """The settings from the environment, or as `given` by the command line, which goes first.

    On bad ones prints what is wrong to stderr and exits with status 2.
    """
    try:
        return kind(**given)
    except ValidationError as error:
        for problem in error.errors():
            prefix = kind.model_config.get("env_prefix", PREFIX)
            name = prefix + "__".join(str(part).upper() for part in problem["loc"])
            # What several settings together do wrong has no place of its own.
            print(f"{name}: {in_words(problem)}" if problem["loc"] else in_words(problem), file=sys.stderr)
        raise SystemExit(2) from None
