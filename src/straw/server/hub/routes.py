"""A hub for one model under many names: what transformers asks of HF_ENDPOINT, and nothing else.

    GET  /api/models/ORG/NAME                     what there is
    GET  /api/models/ORG/NAME/tree/main           its files
    HEAD, GET  /ORG/NAME/resolve/REVISION/FILE    one of them, with ETag, X-Repo-Commit and Content-Length

A name that is not answered, or a file that is not there, is the 404 that the client expects of the hub, so that it
goes on to the next of the files that it would like. Any revision is this one: it is named by what the files hold.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from hashlib import sha1, sha256
from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from straw.server.hub.weights import NAME, Weights

LLAMA = "thinkingmachineslabinc/meta-llama-3-instruct-tokenizer"  # the SDK's name for that of meta-llama/Llama-3*
LARGEST_NAME = 256
REST = re.compile(r"bytes=(\d{1,18})-")  # what a client asks for that lost its connection


def hub_routes(
    folder: Path, names: Collection[str] | None, weights: Weights | None = None,
    admits: Callable[[Request], bool] = lambda request: True,
) -> list[Route]:  # fmt: skip
    """`names` are those of the models that are answered; None: every name. Weights are for whom the server `admits`."""
    hub = Hub(folder, names, weights, admits)
    routes = []
    for repo in ("{org}/{name}", "{name}"):
        routes += [
            Route(f"/api/models/{repo}", hub.model),
            Route(f"/api/models/{repo}/revision/{{revision}}", hub.model),
            Route(f"/api/models/{repo}/tree/{{revision}}", hub.tree),
            Route(f"/api/models/{repo}/tree/{{revision}}/{{path:path}}", hub.tree),
            Route(f"/{repo}/resolve/{{revision}}/{{path:path}}", hub.file),
        ]
    return routes


class Hub:
    """The files as they were when the server began."""

    def __init__(
        self, folder: Path, names: Collection[str] | None, weights: Weights | None, admits: Callable[[Request], bool]
    ) -> None:
        self.files = {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}
        self.weights, self.admits = weights, admits
        self.sizes = {name: len(data) for name, data in self.files.items()}
        self.tags = {name: sha256(data).hexdigest() for name, data in self.files.items()}
        if weights is not None:
            self.sizes[NAME], self.tags[NAME] = weights.size, weights.tag
        self.commit = sha1("".join(map("{0[0]} {0[1]}\n".format, sorted(self.tags.items()))).encode()).hexdigest()
        self.names = None if names is None else known_as(names)

    def refusal(self, request: Request) -> Response | None:
        org, name = request.path_params.get("org"), request.path_params["name"]
        repo = f"{org}/{name}" if org else name
        if len(repo) <= LARGEST_NAME and (self.names is None or repo in self.names):
            return None
        return missing("RepoNotFound", "this server has no model of that name: start it with as=NAME or as=*")

    async def model(self, request: Request) -> Response:
        if refusal := self.refusal(request):
            return refusal
        repo = request.url.path.removeprefix("/api/models/").partition("/revision/")[0]
        siblings = [{"rfilename": name} for name in self.sizes]
        return JSONResponse(
            {"id": repo, "modelId": repo, "sha": self.commit, "private": False, "gated": False, "disabled": False,
             "tags": [], "siblings": siblings, "downloads": 0, "likes": 0}
        )  # fmt: skip

    async def tree(self, request: Request) -> Response:
        if refusal := self.refusal(request):
            return refusal
        if request.path_params.get("path"):
            return missing("EntryNotFound", "there are no folders in this one")
        return JSONResponse(
            [
                {"type": "file", "path": name, "size": size, "oid": self.tags[name][:40]}
                for name, size in self.sizes.items()
            ]
        )

    async def file(self, request: Request) -> Response:
        if refusal := self.refusal(request):
            return refusal
        if (path := request.path_params["path"]) not in self.sizes:
            return missing("EntryNotFound", "there is no such file here", {"x-repo-commit": self.commit})
        headers = {"etag": f'"{self.tags[path]}"', "x-repo-commit": self.commit}
        if path == NAME and self.weights is not None:
            return self.whole_or_rest(request, self.weights, headers)
        kind = "application/json" if path.endswith(".json") else "text/plain; charset=utf-8"
        return Response(self.files[path], media_type=kind, headers={**headers, "accept-ranges": "none"})

    def whole_or_rest(self, request: Request, weights: Weights, headers: dict[str, str]) -> Response:
        if not self.admits(request):
            said = "weights are for who has a key of this server: HF_TOKEN=KEY"
            return JSONResponse({"error": said}, 401, {"x-error-message": said})
        asked = REST.fullmatch(request.headers.get("range", ""))
        first = int(asked[1]) if asked else 0
        if first >= weights.size:
            return Response(status_code=416, headers={"content-range": f"bytes */{weights.size}"})
        headers |= {"content-length": str(weights.size - first), "accept-ranges": "bytes"}
        if first:
            headers["content-range"] = f"bytes {first}-{weights.size - 1}/{weights.size}"
        pieces = iter(()) if request.method == "HEAD" else weights.pieces(first)
        return StreamingResponse(pieces, 206 if first else 200, headers, "application/octet-stream")


def known_as(names: Collection[str]) -> frozenset[str]:
    """The names, without what may stand behind ':', and the one that the SDK makes of Llama 3's."""
    bare = {name.partition(":")[0] for name in names}
    return frozenset(bare | ({LLAMA} if any(name.startswith("meta-llama/Llama-3") for name in bare) else set()))


def missing(code: str, said: str, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"error": said}, 404, {"x-error-code": code, "x-error-message": said, **(headers or {})})
