"""The official SDK `tinker`, imported when it is needed, and what goes wrong with it in one line of ours."""

from __future__ import annotations

import importlib
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from logging import CRITICAL, getLogger
from typing import Any
from urllib.parse import urlsplit

from straw.errors import ConfigError, EngineFailed, EngineLost, StrawError, TrainingError

HOSTED = "thinkingmachines.dev"
GONE = ("APIConnectionError", "APITimeoutError", "NotFoundError", "RetryableException")
REFUSED = ("BadRequestError", "UnprocessableEntityError", "ConflictError", "APIStatusError", "ValueError", "TypeError")
CREDENTIALS = ("AuthenticationError", "PermissionDeniedError", "TinkerAuthError")


def sdk() -> Any:
    """The module `tinker`."""
    try:
        return importlib.import_module("tinker")
    except ImportError as error:
        raise ConfigError(
            f"engine=tinker speaks through the official SDK, which is not installed ({error}): pip install "
            "'straw[tinker]', or write engine=local"
        ) from error


def address(base_url: str | None) -> str | None:
    """Where the service is, as the SDK finds it; None: the hosted one, at the SDK's own address."""
    return base_url or os.environ.get("TINKER_BASE_URL") or None


def is_hosted(base_url: str | None) -> bool:
    """Whether tokens cost money there."""
    url = address(base_url)
    host = (urlsplit(url).hostname or "") if url else HOSTED
    return host == HOSTED or host.endswith(f".{HOSTED}")


def service(base_url: str | None) -> Any:
    """A session with the service."""
    tinker = sdk()
    with in_a_line():
        return tinker.ServiceClient(base_url=address(base_url), user_metadata={"client": "straw"})


def rest(service: Any) -> Any:
    """The client of lists and checkpoints; newer SDKs would have it made elsewhere, which older ones cannot."""
    with in_a_line(), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return service.create_rest_client()


def ready(made: Any) -> Any:
    """A client, where the SDK gives a future of one: from 0.36 or so it does."""
    with in_a_line():
        return made.result() if hasattr(made, "result") else made


def result(future: Any) -> Any:
    with in_a_line():
        return future.result()


def put_back(training: Any, path: str, *, optimizer: bool) -> Any:
    """Into the client that trains. The SDK would rather have a new one made, for which there is no room here."""
    log = getLogger("tinker.lib.public_interfaces.training_client")
    level = log.level
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        log.setLevel(CRITICAL)
        try:
            (training.load_state_with_optimizer if optimizer else training.load_state)(path).result()
        finally:
            log.setLevel(level)
    return training


@contextmanager
def in_a_line() -> Iterator[None]:
    """Errors of the SDK as ours: whether to mend the page, the key, or to go on later with straw resume."""
    try:
        yield
    except (StrawError, AssertionError):
        raise
    except Exception as error:
        raise told(error) from error


def told(error: Exception) -> StrawError:
    kinds, said = {kind.__name__ for kind in type(error).__mro__}, first_line(error)
    if kinds.intersection(CREDENTIALS) or "api_key" in said.lower() or "api key" in said.lower():
        return ConfigError(f"the Tinker service wants a key in TINKER_API_KEY, and says: {said}. Set it and try again")
    if "BillingError" in kinds:
        return EngineFailed(f"the Tinker service wants to be paid, and says: {said}: go on with straw resume")
    if kinds.intersection(GONE):
        return EngineLost(f"the Tinker service is gone or has forgotten this run ({said}): go on with straw resume")
    if "RequestFailedError" in kinds:
        return TrainingError(f"the Tinker service could not do it: {said}")
    if kinds.intersection(REFUSED):
        return EngineFailed(f"the Tinker service refused: {said}")
    return EngineFailed(f"the Tinker service failed ({type(error).__name__}: {said}): go on with straw resume")


def first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:300].rstrip(".") if lines else type(error).__name__
