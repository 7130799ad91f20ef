"""What went wrong, in OpenAI's form: {"error": {"message", "type", "param", "code"}}."""

from __future__ import annotations

from typing import Any

from straw.errors import StrawError
from straw.server.wire.refused import BadRequest

CODES = {401: "invalid_api_key", 404: "model_not_found", 413: "request_too_large", 429: "rate_limit_exceeded"}


def told(error: Exception) -> tuple[int, dict[str, Any]]:
    """The asker's fault in its own words, and what is ours by its kind alone."""
    if isinstance(error, BadRequest):
        return error.status, body(error.detail, "invalid_request_error", CODES.get(error.status))
    if isinstance(error, StrawError):
        return 400, body((str(error) or "refused").partition("\n")[0], "invalid_request_error")
    return 500, body(f"the server failed ({type(error).__name__}): see its log", "server_error")


def body(message: str, kind: str, code: str | None = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}
