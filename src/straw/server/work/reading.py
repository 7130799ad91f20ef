"""Bodies as records: the same reader when a request comes in and when it is done again from the journal.

forward_backward    protobuf                     optim_step    AdamParams
load_weights, save_*                             a dict of what was checked
sample              Asample
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from straw.engines.base import AdamParams
from straw.server.desk.metadata import metadata_of
from straw.server.keeping.export import recipients_of
from straw.server.keeping.store import checked_name, parts_of
from straw.server.wire.body import read_json
from straw.server.wire.fields import Fields
from straw.server.wire.limits import Limits
from straw.server.wire.refused import BadRequest
from straw.server.wire.sampling import Asample, read_asample
from straw.server.wire.training import ForwardBackward, read_forward_backward

LOSSES = ("cross_entropy", "importance_sampling", "ppo", "cispo", "dro", "gspo")
SHORTEST_TTL, LONGEST_TTL = 1, 10 * 366 * 86_400
STABLE = "stable_reinforce"
MOST_BETA, LEAST_EPS = 0.999999, 1e-30  # with a beta of 1 or no eps, AdamW divides by 0 and the weights are NaN


@dataclass(frozen=True, slots=True)
class Reading:
    """`stand_ins`: losses that another one stands in for, because whoever started the server said so."""

    limits: Limits
    stand_ins: Mapping[str, str] = field(default_factory=dict)

    def read(self, kind: str, body: bytes) -> Any:
        if kind in ("forward_backward", "forward"):
            return self.forward_backward(body)
        fields = Fields(read_json(body, self.limits), self.limits)
        if kind == "sample":
            return self.sample(fields)
        if kind == "optim_step":
            return self.optim_step(fields)
        if kind in ("load_weights", "create_from"):
            return {"path": self.path(fields), "optimizer": fields.flag("optimizer", True)}
        if kind.startswith("save_weights"):
            return self.save(kind, fields)
        return fields.values

    def forward_backward(self, body: bytes) -> ForwardBackward:
        read = read_forward_backward(body, self.limits)
        if read.loss_fn in self.stand_ins:
            known = {name: value for name, value in read.settings.items() if name != "kl_coeff"}
            read = replace(read, loss_fn=self.stand_ins[read.loss_fn], settings=known)
        if read.loss_fn == STABLE:
            raise BadRequest(
                "the formula of stable_reinforce is not public: use loss_fn=importance_sampling (or start the server "
                "with stand_in=stable_reinforce:ppo, and ppo will stand in for it)"
            )
        if read.loss_fn not in LOSSES:
            raise BadRequest(f"loss_fn is one of {', '.join(LOSSES)}; got {read.loss_fn!r}")
        return read

    def sample(self, fields: Fields) -> Asample:
        """What record_stability_info asks to be remembered serves a loss that is not here: the replies are the same."""
        return read_asample(fields.values, self.limits)

    def optim_step(self, fields: Fields) -> AdamParams:
        if fields.get("optimizer_params") is not None:
            kind = fields.inner("optimizer_params").text("type", "adamw")
            if kind not in ("adam", "adamw"):
                raise BadRequest(
                    f"this server steps with AdamW, got optimizer_params of type {kind!r}: send adam_params"
                )
        name = "adam_params" if fields.get("adam_params") is not None else "optimizer_params"
        params = fields.inner(name)
        return AdamParams(
            learning_rate=params.number("learning_rate", 0, 1e6, 1e-4), beta1=params.number("beta1", 0, MOST_BETA, 0.9),
            beta2=params.number("beta2", 0, MOST_BETA, 0.95), eps=params.number("eps", LEAST_EPS, 1e6, 1e-12),
            weight_decay=params.number("weight_decay", 0, 1e6, 0.0),
            grad_clip=params.number("grad_clip_norm", 0, 1e30, 0.0),
        )  # fmt: skip

    def path(self, fields: Fields) -> str:
        path = fields.text("path")
        parts_of(path)
        return path

    def save(self, kind: str, fields: Fields) -> dict[str, Any]:
        named = fields.text_or_none("path")
        if named is None and kind != "save_weights_for_sampler":
            raise BadRequest("path is the checkpoint's name, as 000010 or final: this call needs it")
        what = fields.text("kind", "snapshot")
        if what not in ("snapshot", "inflight"):
            raise BadRequest(f"kind is snapshot or inflight, got {what!r}")
        return {
            "name": None if named is None else checked_name(named), "kind": what,
            "ttl": fields.integer_or_none("ttl_seconds", SHORTEST_TTL, LONGEST_TTL),
            "overwrite": fields.flag("overwrite", True), "about": metadata_of(fields),
            "sampler_seq": fields.integer_or_none("sampling_session_seq_id", 0),
            "recipients": recipients_of(fields.get("age_encryption_recipients")),
        }  # fmt: skip
