"""Whom to trust when somebody shows a certificate: the given authorities alone, or without any the system's."""

import ssl


def trusting(ca: str | None) -> ssl.SSLContext | bool:
    """For httpx, from certificates in PEM. Raises ValueError for what is none."""
    if ca is None:
        return True
    try:
        return ssl.create_default_context(cadata=ca)
    except ssl.SSLError as error:
        raise ValueError(f"the CA is no certificate in PEM: {error}") from error
