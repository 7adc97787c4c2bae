"""The agent as it is brought to servers: a wheel made of this very program, and the hashed list of what it needs.

The wheel holds `services/node_agent` and `shared` alone. Its version ends with a hash of its content, such as
`0.1.0+3f2a91c04b`, so that a version which is read back proves which program runs. The same files give the same bytes.
"""

import base64
import hashlib
import io
import zipfile
from pathlib import Path

from services.deployer.domain.installations import AgentBundle
from shared.version import VERSION

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENTS = "requirements-agent.lock"
_PACKAGES = ("services/__init__.py", "services/node_agent", "shared")
# Wheels carry times; the oldest that a zip file can have is the same for everybody.
_TIME = (1980, 1, 1, 0, 0, 0)


def build_bundle(root: Path = ROOT) -> AgentBundle:
    """Make it. Raises OSError where the agent's files are not beside the deployer's."""
    files = {name: (root / name).read_bytes() for name in _names(root)}
    requirements = (root / REQUIREMENTS).read_bytes()
    digest = hashlib.sha256(requirements)
    for name, content in files.items():
        digest.update(name.encode() + b"\0" + hashlib.sha256(content).digest())
    version = f"{VERSION}+{digest.hexdigest()[:10]}"
    return AgentBundle(version, f"callboard-{version}-py3-none-any.whl", _wheel(version, files), requirements)


def _names(root: Path) -> list[str]:
    found: list[Path] = []
    for package in _PACKAGES:
        path = root / package
        found += [path] if path.is_file() else [one for one in path.rglob("*") if one.is_file()]
    names = sorted(path.relative_to(root).as_posix() for path in found if "__pycache__" not in path.parts)
    if "services/node_agent/__main__.py" not in names:
        raise FileNotFoundError(f"the agent's program is not in {root}")
    return names


def _wheel(version: str, files: dict[str, bytes]) -> bytes:
    info = f"callboard-{version}.dist-info"
    whole = files | {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: callboard\nVersion: {version}\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: callboard\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": b"[console_scripts]\ncallboard-agent = services.node_agent.__main__:main\n",
    }
    record = f"{info}/RECORD"
    lines = [f"{name},sha256={_in_record(content)},{len(content)}" for name, content in whole.items()]
    whole[record] = ("\n".join([*lines, f"{record},,"]) + "\n").encode()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in whole.items():
            entry = zipfile.ZipInfo(name, _TIME)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def _in_record(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
