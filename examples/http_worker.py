"""A Callboard worker in plain httpx, written from the OpenAPI page (/docs) alone: scripts come in, results go back.

It plays nothing: where your own program would load a script and run its accounts, a comment says so. Run it with

    CALLBOARD_URL=http://127.0.0.1:8080 CALLBOARD_TOKEN=… CALLBOARD_NODE_ID=tokyo-1 python http_worker.py FOLDER
"""

import hashlib
import json
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

PAUSE = 2.0  # seconds, when the back office is away or asks for patience


class Worker:
    """One worker. `loaded` is what it runs, by script id; it is a file, so it outlives a restart."""

    def __init__(self, node_id: str, http: httpx.Client, folder: Path) -> None:
        self.node_id, self.http, self.folder = node_id, http, folder
        self.state = folder / "loaded.json"
        self.loaded: dict[str, dict[str, Any]] = json.loads(self.state.read_text()) if self.state.exists() else {}

    def run(self) -> None:
        """Beat three times a lease, and wait for commands in between."""
        lease_ends = 0.0
        while True:
            sent = time.monotonic()
            answer = self.asked("POST", "/api/v1/workers/heartbeat", json=self.heartbeat())
            if answer is None:
                if time.monotonic() > lease_ends - 2 * PAUSE:
                    print("the lease ends: your accounts must be disconnected now", flush=True)
                time.sleep(PAUSE)
                continue
            lease_ends = sent + answer["lease_seconds"]  # counted from when the request was sent
            self.obey(answer["commands"])
            wait = int(min(30, max(0, sent + answer["lease_seconds"] / 3 - time.monotonic())))
            path = f"/api/v1/workers/{self.node_id}/commands"
            answer = self.asked("GET", path, params={"wait": wait}, timeout=wait + 10)
            if answer is None:
                time.sleep(PAUSE)
            else:
                self.obey(answer["commands"])
            time.sleep(0.2)

    def heartbeat(self) -> dict[str, Any]:
        """The whole state; your accounts would be in `accounts`."""
        named = ("id", "version", "hash", "tests_passed")
        artifacts = [{name: script[name] for name in named} for script in self.loaded.values()]
        return {"node_id": self.node_id, "accounts": [], "artifacts": artifacts, "version": "example 1"}

    def obey(self, commands: list[dict[str, Any]]) -> None:
        """Do what is ordered, and say what became of it; a type that is not known is not for us."""
        for command in commands:
            do = {"node.deliver-artifact.v1": self.load, "node.remove-artifact.v1": self.remove}.get(command["type"])
            if do is not None:
                order = command["body"]
                result = do(order) | {"delivery_id": order["delivery_id"], "attempt": order["attempt"]}
                print(result, flush=True)
                # If this gets lost, the order comes again and is answered again.
                self.asked("POST", f"/api/v1/workers/{self.node_id}/commands", json=result)

    def load(self, order: dict[str, Any]) -> dict[str, Any]:
        """Put a script in place of the one before it; the result."""
        artifact = order["artifact"]
        if refusal := self.refused(order, artifact["id"]):
            return refusal
        try:
            content = order["content"].encode() if order["content"] is not None else self.fetched(order["url"])
        except httpx.HTTPError as error:
            return {"outcome": "failed", "cause": "download_failed", "reason": repr(error)[:500]}
        found = "sha256:" + hashlib.sha256(content).hexdigest()
        if (len(content), found) != (order["size"], artifact["hash"]):
            reason = f"{len(content)} bytes with {found}, not {order['size']} with {artifact['hash']}"
            return {"outcome": "failed", "cause": "hash_mismatch", "reason": reason}
        replace(self.folder / f"{artifact['id']}.yaml", content)
        # Here your program would load the script, and run the tests in it.
        loaded = {**artifact, "issued_at": order["issued_at"], "tests_passed": True}
        self.loaded[artifact["id"]] = loaded
        replace(self.state, json.dumps(self.loaded).encode())
        return {"outcome": "applied", "loaded_hash": found, "tests_passed": True}

    def remove(self, order: dict[str, Any]) -> dict[str, Any]:
        """Take a script away; the result."""
        script_id = order["removes"]["id"]
        if refusal := self.refused(order, script_id):
            return refusal
        # Here your program would unload it.
        (self.folder / f"{script_id}.yaml").unlink(missing_ok=True)
        self.loaded.pop(script_id, None)
        replace(self.state, json.dumps(self.loaded).encode())
        return {"outcome": "applied", "loaded_hash": None}

    def refused(self, order: dict[str, Any], script_id: str) -> dict[str, Any] | None:
        """Why an order is not carried out: a later one stands, or its time is over."""
        before = self.loaded.get(script_id)
        if before and datetime.fromisoformat(order["issued_at"]) < datetime.fromisoformat(before["issued_at"]):
            return {"outcome": "failed", "reason": f"version {before['version']}, ordered later, stands"}
        if (end := order.get("apply_before")) and datetime.now(UTC) >= datetime.fromisoformat(end):
            return {"outcome": "failed", "cause": "too_late", "reason": f"it was to be applied before {end}"}
        return None

    def fetched(self, url: str) -> bytes:
        """The content at a signed URL, which wants no token."""
        return httpx.get(url, timeout=30).raise_for_status().content

    def asked(self, method: str, path: str, **request: Any) -> Any:
        """The answer; None when it is worth another try. Ends the program when it is not."""
        try:
            response = self.http.request(method, path, **request)
        except httpx.TransportError as error:
            print(f"no answer: {error!r}", file=sys.stderr, flush=True)
            return None
        if response.is_success:
            return response.json()
        print(response.status_code, response.text, file=sys.stderr, flush=True)
        if response.status_code in (401, 409, 422):  # the wrong token; another program has this id; a mistake of ours
            sys.exit(1)
        return None


def replace(path: Path, content: bytes) -> None:
    """Replace a file at once or not at all."""
    beside = path.with_name(path.name + ".new")
    beside.write_bytes(content)
    beside.replace(path)


if __name__ == "__main__":
    headers = {"authorization": f"Bearer {os.environ['CALLBOARD_TOKEN']}"}
    with httpx.Client(base_url=os.environ["CALLBOARD_URL"], headers=headers, timeout=10) as client:
        home = Path(sys.argv[1])
        home.mkdir(parents=True, exist_ok=True)
        Worker(os.environ["CALLBOARD_NODE_ID"], client, home).run()
