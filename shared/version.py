"""The version of Callboard that runs."""

from importlib import metadata


def installed_version() -> str:
    """As the package has it; "0" where the sources run without being installed."""
    try:
        return metadata.version("callboard")
    except metadata.PackageNotFoundError:
        return "0"
