"""The version of Callboard that runs."""

from importlib import metadata

# Packages are built with it.
VERSION = "0.1.0"


def installed_version() -> str:
    """The package's, which has a hash of its content where the deployer brought it over SSH; else the sources' own."""
    try:
        return metadata.version("callboard")
    except metadata.PackageNotFoundError:
        return VERSION
