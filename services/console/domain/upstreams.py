"""Which service owns which path of the origin.

The table is written here once: the proxy's routes, the merged API document and the start page are made from it.
A prefix owns its exact path and everything below it, whole segments only, except for the paths that are somebody
else's by name: what one thing can be told to do may be the affair of two services. Pure data, nothing here fails.
"""

import re
from dataclasses import dataclass

REGISTRY_PREFIXES = (
    "/api/v1/workers",
    "/api/v1/group-ai/accounts",
    "/api/v1/group-ai/assignments",
    "/api/v1/events",
    "/api/v1/tokens",
    "/api/v1/whoami",
    "/api/v1/audit/registry",
)
# Below a prefix of the deployer's, which keeps the sessions; who runs which one is the registry's to say.
REGISTRY_PATHS = ("/api/v1/group-ai/sessions/{account_id}/assign",)
DEPLOYER_PREFIXES = (
    "/api/v1/group-ai/sessions",
    "/api/v1/group-ai/scripts",
    "/api/v1/group-ai/script-deployment",
    "/api/v1/group-ai/servers",
    "/api/v1/group-ai/keys",
    "/api/v1/dead-letters",
    "/api/v1/audit/deployer",
)
# In bytes; what the deployer takes on these paths is judged there, and streams through here.
_UPLOADS, _ARCHIVES = 33 * 1024 * 1024, 1025 * 1024 * 1024
LARGER_BODIES = {
    "/api/v1/group-ai/sessions": _UPLOADS,
    "/api/v1/group-ai/sessions/restore": _ARCHIVES,
    "/sessions/upload": _UPLOADS,
    "/sessions/restore": _ARCHIVES,
}
# Nodes without AMQP wait here for their orders, each with a connection for as long as it lives.
POLLED = r"/api/v1/workers/[^/]+/commands"
# A node downloads an artifact with a signed URL, which is its own authorisation: nodes have no operator's token.
SIGNED_PREFIXES = ("/api/v1/group-ai/script-artifacts", "/api/v1/group-ai/session-deliveries")
# A machine becomes a node with a one-time token.
JOIN_PREFIXES = ("/api/v1/enrol",)


@dataclass(frozen=True)
class Upstream:
    """A service behind the origin. `setting` is the variable that says where it is.

    `signed` paths bring an authorisation of their own. `polled` is the pattern of the paths on which clients wait for
    something to happen. `paths` are single ones that are this service's, `lent` those below its prefixes that are
    another's.
    """

    name: str
    setting: str
    url: str
    prefixes: tuple[str, ...]
    signed: tuple[str, ...] = ()
    polled: str | None = None
    paths: tuple[str, ...] = ()
    lent: tuple[str, ...] = ()

    def owns(self, path: str) -> bool:
        """Whether `path` is one of this service's."""
        below = any(path == prefix or path.startswith(prefix + "/") for prefix in (*self.prefixes, *self.signed))
        return _is_one_of(path, self.paths) or (below and not _is_one_of(path, self.lent))

    def may_wait(self, path: str) -> bool:
        """Whether a GET of `path` is a long poll."""
        return self.polled is not None and re.fullmatch(self.polled, path) is not None


def upstreams(registry_url: str, deployer_url: str) -> tuple[Upstream, ...]:
    """The services behind the origin."""
    return (
        Upstream(
            "registry",
            "CALLBOARD_REGISTRY_URL",
            registry_url,
            REGISTRY_PREFIXES,
            JOIN_PREFIXES,
            POLLED,
            paths=REGISTRY_PATHS,
        ),
        Upstream(
            "deployer",
            "CALLBOARD_DEPLOYER_URL",
            deployer_url,
            DEPLOYER_PREFIXES,
            SIGNED_PREFIXES,
            lent=REGISTRY_PATHS,
        ),
    )


def _is_one_of(path: str, templates: tuple[str, ...]) -> bool:
    return any(re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path) for template in templates)


def climbs(path: str) -> bool:
    """Whether a decoded path has dot segments, which could leave the prefix that it was let in by."""
    return any(segment in (".", "..") for segment in path.replace("\\", "/").split("/"))
