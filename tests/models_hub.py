"""A hub of models for the real client of Hugging Face's: creates repositories, lists files, takes commits.

with models_hub(token="hf_x") as hub: ...      hub.address, hub.repos[name] = {path: bytes}, hub.asked = [...]
"""

from __future__ import annotations

import json
import threading
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SHA = "0" * 40


@dataclass
class ModelsHub:
    token: str
    status: int = 0  # of every answer, where it is not 0
    repos: dict[str, dict[str, bytes]] = field(default_factory=dict)
    private: dict[str, bool] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    address: str = ""

    def answer(self, method: str, path: str, body: bytes, token: str) -> tuple[int, Any]:
        self.asked.append(f"{method} {path}")
        if self.status:
            return self.status, {"error": f"no, {token}"}
        if token != self.token:
            return 401, {"error": f"who is {token}?"}
        if path == "/api/repos/create":
            told = json.loads(body)
            name = "/".join(filter(None, (told.get("organization"), told["name"])))
            name = name if "/" in name else f"me/{name}"
            self.repos.setdefault(name, {".gitattributes": b""})
            self.private[name] = bool(told.get("private") or told.get("visibility") == "private")
            return 200, {"url": f"{self.address}/{name}", "id": name}
        if path == "/api/whoami-v2":
            return 200, {"name": "me", "type": "user", "orgs": []}
        if path == "/api/validate-yaml":
            return 200, {"errors": [], "warnings": []}
        name = "/".join(path.split("/")[3:5])
        return self.about(name, path, body)

    def about(self, name: str, path: str, body: bytes) -> tuple[int, Any]:
        files = self.repos[name]
        if "/preupload/" in path:
            asked = json.loads(body)["files"]
            return 200, {"files": [{"path": f["path"], "uploadMode": "regular", "shouldIgnore": False} for f in asked]}
        if "/commit/" in path:
            for line in map(json.loads, body.splitlines()):
                if line["key"] == "file":
                    files[line["value"]["path"]] = b64decode(line["value"]["content"])
            return 200, {"commitUrl": f"{self.address}/{name}/commit/{SHA}", "commitOid": SHA, "success": True}
        if "/tree/" in path:
            return 200, [{"type": "file", "path": one, "size": len(data), "oid": SHA} for one, data in files.items()]
        return 200, {"id": name, "sha": SHA, "private": False, "siblings": [{"rfilename": one} for one in files]}


@contextmanager
def models_hub(token: str) -> Iterator[ModelsHub]:
    hub = ModelsHub(token)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            status, said = hub.answer(
                self.command, self.path.partition("?")[0], body, self.headers.get("authorization", "")[7:]
            )
            data = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing is printed."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    hub.address = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
