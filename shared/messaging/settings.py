"""The settings of a service that speaks to the broker; apart from the others, for those that have no broker library."""

from pydantic import FilePath, ValidationInfo, field_validator
from yarl import URL

from shared.settings import AmqpUrl, ServiceSettings


class BrokerSettings(ServiceSettings):
    """What a service has that speaks to the broker. With `amqps://` the certificate is checked, and its name.

    `amqp_ca_file` are certificates in PEM to trust instead of the system's.
    """

    amqp_ca_file: FilePath | None = None
    amqp_url: AmqpUrl

    @field_validator("amqp_url")
    @classmethod
    def _with_authorities(cls, value: str, info: ValidationInfo) -> str:
        file = info.data.get("amqp_ca_file")
        return value if file is None else str(URL(value).update_query(cafile=str(file)))
