"""Endpoints about checkpoints and training runs: list, delete, publish, time to live, export."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request as HttpRequest
from starlette.responses import FileResponse, Response, StreamingResponse

from straw.server.keeping.export import ARCHIVE, archived
from straw.server.keeping.rows import Checkpoint, Model, model_of
from straw.server.keeping.store import KINDS, SCHEME
from straw.server.routes.answers import fields_of, refusal, reply
from straw.server.routes.sessions import page_of
from straw.server.service import Service
from straw.server.wire.refused import BadRequest, quoted
from straw.server.work.reading import LONGEST_TTL, SHORTEST_TTL


def iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def checkpoint_shown(one: Checkpoint) -> dict[str, Any]:
    return {
        "checkpoint_id": f"{one.kind}/{one.name}", "checkpoint_type": KINDS[one.kind], "time": iso(one.made),
        "tinker_path": one.path, "size_bytes": one.size, "public": one.public, "user_metadata": one.about,
        "expires_at": iso(one.expires) if one.expires else None,
    }  # fmt: skip


class CheckpointRoutes:
    """Of its owner; a published checkpoint can be read by everybody who knows its path."""

    def __init__(self, service: Service) -> None:
        self.service = service

    def named(self, request: HttpRequest) -> str:
        part = request.path_params
        return f"{SCHEME}{part['run']}/{part['kind']}/{part['name']}"

    # --- runs

    async def run(self, request: HttpRequest, owner: str) -> Response:
        found = self.service.journal.model(request.path_params["run"])
        if found is None or (found.owner != owner and not self.published(found.id)):
            raise BadRequest(f"there is no training run {quoted(request.path_params['run'])}", 404)
        return reply(self.run_shown(found, is_owner=found.owner == owner))

    async def runs(self, request: HttpRequest, owner: str) -> Response:
        limit, offset = page_of(request)
        total = self.service.journal.one("SELECT count(*) FROM models WHERE owner = ?", owner)
        rows = self.service.journal.all(
            "SELECT * FROM models WHERE owner = ? ORDER BY asked DESC LIMIT ? OFFSET ?", owner, limit, offset
        )
        cursor = {"offset": offset, "limit": limit, "total_count": total[0] if total else 0}
        return reply({"training_runs": [self.run_shown(model_of(row)) for row in rows], "cursor": cursor})

    def published(self, run: str) -> list[Checkpoint]:
        return self.service.journal.checkpoints("run = ? AND public = 1", run)

    def run_shown(self, model: Model, *, is_owner: bool = True) -> dict[str, Any]:
        found = self.service.journal.checkpoints("run = ?", model.id) if is_owner else self.published(model.id)
        last = {kind: next((checkpoint_shown(one) for one in found if one.kind == kind), None) for kind in KINDS}
        return {
            "training_run_id": model.id, "base_model": model.base, "model_owner": model.owner,
            "is_lora": model.shape.rank > 0, "lora_rank": model.shape.rank or None, "corrupted": False,
            "last_request_time": iso(self.service.sessions.asked.get(model.id, model.asked)),
            "last_checkpoint": last["weights"], "last_sampler_checkpoint": last["sampler_weights"],
            "user_metadata": model.about or None,
        }  # fmt: skip

    async def of_run(self, request: HttpRequest, owner: str) -> Response:
        run = request.path_params["run"]
        found = self.service.journal.checkpoints("run = ? AND (owner = ? OR public = 1)", run, owner)
        model = self.service.journal.model(run)
        if not found and (model is None or model.owner != owner):
            raise BadRequest(f"there is no training run {quoted(run)}", 404)
        return reply({"checkpoints": self.listed(request, found)})

    async def of_owner(self, request: HttpRequest, owner: str) -> Response:
        limit, offset = page_of(request)
        found = self.listed(request, self.service.journal.checkpoints("owner = ?", owner))
        cursor = {"offset": offset, "limit": limit, "total_count": len(found)}
        return reply({"checkpoints": found[offset : offset + limit], "cursor": cursor})

    def listed(self, request: HttpRequest, found: list[Checkpoint]) -> list[dict[str, Any]]:
        """Old SDKs, which know no export, refuse a listing with one."""
        knows_external = version_of(request) >= (0, 30)
        return [checkpoint_shown(one) for one in found if knows_external or one.kind != "external_weights"]

    # --- one checkpoint

    async def info(self, request: HttpRequest, owner: str) -> Response:
        _, fields = await fields_of(request, self.service.limits)
        path = fields.text("tinker_path")
        one = self.service.store.readable(path, owner)
        shape = one.shape
        return reply(
            {
                "base_model": one.base or self.service.settings.names[0], "is_lora": shape.rank > 0,
                "lora_rank": shape.rank or None, "train_unembed": shape.unembed, "train_mlp": shape.mlp,
                "train_attn": shape.attn,
            }
        )  # fmt: skip

    async def delete(self, request: HttpRequest, owner: str) -> Response:
        self.service.store.delete(self.service.store.owned(self.named(request), owner))
        return Response(status_code=204)

    async def publish(self, request: HttpRequest, owner: str) -> Response:
        one = self.service.store.owned(self.named(request), owner)
        self.service.store.publish(one, request.method == "POST")
        return Response(status_code=204)

    async def ttl(self, request: HttpRequest, owner: str) -> Response:
        _, fields = await fields_of(request, self.service.limits)
        seconds = fields.integer_or_none("ttl_seconds", SHORTEST_TTL, LONGEST_TTL)
        self.service.store.set_ttl(self.service.store.owned(self.named(request), owner), seconds)
        return Response(status_code=204)

    # --- export

    async def urls(self, request: HttpRequest, owner: str) -> Response:
        one = self.service.store.readable(self.named(request), owner)
        urls, expires = {}, 0
        for name in self.service.store.files(one):
            urls[name], expires = self.address(request, one, name)
        return reply({"urls": urls, "expires": iso(expires)})

    async def archive(self, request: HttpRequest, owner: str) -> Response:
        url, expires = self.address(request, self.service.store.readable(self.named(request), owner), ARCHIVE)
        return reply({"url": url, "expires": iso(expires)})

    def address(self, request: HttpRequest, one: Checkpoint, name: str) -> tuple[str, int]:
        return self.service.signer.address(str(request.base_url), f"{one.path.removeprefix(SCHEME)}/{name}")

    async def signed(self, request: HttpRequest) -> Response:
        """A file for whoever has its address, while that is good."""
        part = request.path_params
        path = f"{part['run']}/{part['kind']}/{part['name']}/{part['file']}"
        try:
            if not self.service.signer.is_good(part["expires"], part["signature"], path):
                raise BadRequest("this address is not good any more, or never was: ask for another", 403)
            one = self.service.journal.checkpoint(f"{SCHEME}{part['run']}/{part['kind']}/{part['name']}")
            if one is None:
                raise BadRequest("the checkpoint was deleted", 404)
            return self.file(one, part["file"])
        except BadRequest as error:
            return refusal(error)

    def file(self, one: Checkpoint, name: str) -> Response:
        names, folder = self.service.store.files(one), self.service.store.folder(one.folder)
        if name == ARCHIVE:
            return StreamingResponse(archived(folder, names), media_type="application/x-tar")
        if name not in names:
            raise BadRequest("the checkpoint has no such file", 404)
        return FileResponse(folder / name, media_type="application/octet-stream")


def version_of(request: HttpRequest) -> tuple[int, ...]:
    """Of the SDK that asks; the newest where it does not say."""
    parts = request.headers.get("x-sdk-version", "9999").split(".")[:2]
    return tuple(int(part) for part in parts if part.isascii() and part.isdecimal() and len(part) < 9) or (9999,)
