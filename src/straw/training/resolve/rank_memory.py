"""How much memory a divided trainer wants: of its sampler, and of each rank (see `engines.ranks`).

    sampler   4 P weights + keys and values of all rows + logits of a token of each; as it hands them over, 8 P
    rank      (4 P + 4 T shown + 4 T gradient + 8 T moments + 4 T reference) / ranks        its rows
              + embedding and head whole, and once more on their way here; their gradient by the lookup, by the head,
                their sum, and once more on its way to the others
              + two layers whole, and their gradient
              + 2 P in bfloat16, unless layers are recomputed + activations of its micro-batches + logits of a chunk

P parameters, T of them train; what is shown lies in memory that the sampler maps too, on the processor's side. So with
many ranks what is left is what a rank fetches whole: the embedding, two layers, and its share of the batch. On cards
the sampler shares that of the first rank, which is then the fullest. On SmolLM2 with two ranks this says 0.97 to 1.07
of a rank's peak (`python benchmarks/ranks.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

from straw.training.resolve.memory_estimate import FLOAT, SLACK, Work


@dataclass(frozen=True, slots=True, kw_only=True)
class RankForecast:
    """Bytes at the peak of each process, with what it needs itself."""

    sampler: int
    rank: int
    ranks: int
    shares_card: bool

    @property
    def peak(self) -> int:
        """Of the machine's memory, or of the fullest card."""
        return self.sampler + self.rank * (1 if self.shares_card else self.ranks)

    def line(self) -> str:
        first = ", the first on the sampler's card" if self.shares_card else ""
        return (
            f"{self.sampler / 2**30:.2f} GiB for the sampler and {self.rank / 2**30:.2f} GiB for each of {self.ranks} "
            f"ranks{first}"
        )


class RankWork(Work):
    """What one rank of a page computes."""

    __slots__ = ()

    @property
    def ranks(self) -> int:
        return self.page.engine.trainer_ranks

    @property
    def read_at_once(self) -> int:
        """Data is dealt, so a rank reads its share where a batch is smaller than its micro-batches."""
        share = -(-self.size_of_batch // self.ranks)
        return max(min(super().read_at_once, share), self.prompt_tokens + self.reply_tokens)

    @property
    def casts(self) -> int:
        return 0 if self.page.model.gradient_checkpointing else super().casts

    def forecast_ranks(self) -> RankForecast:
        sampler = FLOAT * self.parameters + max(FLOAT * self.parameters, self.keys + self.sampled_logits)
        return RankForecast(
            sampler=int(sampler * SLACK) + self.process, rank=int(self.rank_bytes * SLACK) + self.process,
            ranks=self.ranks, shares_card=self.device != "cpu",
        )  # fmt: skip

    @property
    def rank_bytes(self) -> int:
        reference = self.trained if self.page.algorithm.kl_coef else 0
        shown = self.trained if self.device == "cpu" else 0
        rows = FLOAT * (self.parameters + 3 * self.trained + reference + shown) // self.ranks
        training = rows + self.fetched + self.casts + self.activations + self.head
        return max(training, FLOAT * (self.parameters + 4 * self.trained) // self.ranks + self.fetched)

    @property
    def fetched(self) -> int:
        """Whole for a while; a frozen weight has no gradient."""
        outside = self.size.embedding * (1 if self.size.tied else 2)
        layer = (self.parameters - outside) // self.size.num_hidden_layers
        gradient = 0 if self.adapters else 4 * outside + 2 * layer
        return FLOAT * (2 * outside + 4 * layer + gradient)


def of_ranks(work: Work) -> RankForecast | None:
    """None: the page's trainer is one process."""
    if work.page.engine.engine != "ranks":
        return None
    return RankWork(
        size=work.size, page=work.page, prompt_tokens=work.prompt_tokens, reply_tokens=work.reply_tokens,
        num_problems=work.num_problems,
    ).forecast_ranks()  # fmt: skip
