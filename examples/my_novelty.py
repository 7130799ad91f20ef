"""An intrinsic reward of your own: what was never written before.

straw train countdown use_ir=examples/my_novelty.py:NeverSeen
"""

import torch


class NeverSeen:
    names = ("never_seen",)

    def __init__(self):
        self.seen = set()

    def raw(self, traces):
        return {"never_seen": [float(trace.text not in self.seen) for trace in traces]}

    def write(self, traces):
        self.seen |= {trace.text for trace in traces}

    def counts(self):
        return {"memory/values": len(self.seen)}

    def arrays(self):
        """For the checkpoint: tensors by name."""
        text = "\0".join(sorted(self.seen)).encode()
        return {"seen": torch.tensor(list(text), dtype=torch.uint8)}

    def load(self, arrays):
        text = bytes(arrays["seen"].tolist()).decode()
        self.seen = set(text.split("\0")) if text else set()
