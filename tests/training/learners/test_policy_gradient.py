from __future__ import annotations

from pathlib import Path

from tests.small_runs import Listener, small_page

from straw.runs.reading import read_metrics
from straw.training.session import run_page

REPLAYS = "replay=2 n_batches=6 learning_rate=1e-3 reward_type=log_distance eval_every=6"


def test_a_cap_on_importance_weights_changes_what_replay_teaches(home: Path, tmp_path: Path) -> None:
    """Without one a replayed rollout counts as when it was new; a cap that nothing comes near lets ratios act."""
    known = {}
    for cap in ("none", "0.01", "1000"):
        run_page(small_page(f"{REPLAYS} replay_cap={cap} run_dir={tmp_path / cap}"), Listener())
        known[cap] = read_metrics(tmp_path / cap)[-1]["bits_known"]
    assert len(set(known.values())) == 3
