"""Zip archives of session files, read in memory and within bounds.

What an archive says of its sizes is not believed: reading stops where a bound is reached, so one that unpacks to
gigabytes costs no more than the bound. Nothing is ever written where an entry's name says.
"""

import io
import zipfile
import zlib
from collections.abc import Iterator

from services.deployer.domain.telegram_logins import LARGEST_UPLOAD, BadSession

MAGIC = b"PK\x03\x04"
# Some hundred logins, or a folder of Telegram Desktop's without its caches.
MOST_ENTRIES = 2_000
# All entries together, unpacked.
MOST_BYTES = 2 * LARGEST_UPLOAD
_NOT_READ = "the archive is packed in a way that is not read here: make it as a plain zip"


def entries_of(content: bytes) -> dict[str, bytes]:
    """The files in an archive by their names. Raises BadSession."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            infos = [info for info in archive.infolist() if not info.is_dir()]
            if len(infos) > MOST_ENTRIES:
                raise BadSession(f"the archive has {len(infos)} files, at most {MOST_ENTRIES} are read: send fewer")
            return dict(_read(archive, infos))
    # What zipfile says of an archive that asks for a later version of the format: nothing is wrong with it.
    except NotImplementedError:
        raise BadSession(_NOT_READ) from None
    except (zipfile.BadZipFile, EOFError, OSError, ValueError, zipfile.LargeZipFile):
        raise BadSession("the archive is damaged or was cut: make it anew") from None
    except (RuntimeError, zlib.error):
        raise BadSession("the archive is encrypted or damaged: make it anew, without a password") from None


def _read(archive: zipfile.ZipFile, infos: list[zipfile.ZipInfo]) -> Iterator[tuple[str, bytes]]:
    left = MOST_BYTES
    for info in infos:
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise BadSession(_NOT_READ)
        with archive.open(info) as file:
            content = file.read(left + 1)
        left -= len(content)
        if left < 0:
            raise BadSession(f"the archive unpacks to more than {MOST_BYTES} bytes: send less at once")
        yield info.filename, content
