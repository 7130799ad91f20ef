"""straw check on a recipe that learns in a tenth of a second: sound learners pass, broken ones do not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.small_runs import WORDS

from straw.cli import main
from straw.cli.check_runs import default_horizon, recipe_hash, run_seed
from straw.config import load_page
from straw.report.golden import golden_path, read_golden
from straw.training import loop
from straw.training.assemble import plan_of
from straw.types import Rollout

RECIPE = "\n".join(f'{word.partition("=")[0]} = "{word.partition("=")[2]}"' for word in WORDS)
RECIPE += '\nreward_type = "binary"\ngroup_size = 8\nlearning_rate = "3e-3"\nn_batches = 12\neval_every = 3\n'
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory, shared_cache: Path) -> Path:
    """A recipe with its golden curve."""
    path = tmp_path_factory.mktemp("recipes") / "small.toml"
    path.write_text(RECIPE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STRAW_HOME", str(shared_cache))
        assert main(["check", str(path), "--make", "--horizon", "96"]) == 0
    return path


def test_a_golden_curve_knows_how_it_was_made(recipe):
    golden = read_golden(golden_path(recipe))
    assert golden.seeds == tuple(range(16)) and golden.episodes == (0, 24, 48, 72, 96)
    assert golden.metric == "bits_known" and golden.ceiling == 3.0
    assert golden.command.endswith("small.toml --make --runs 16 --metric bits_known --horizon 96")
    assert golden.versions["torch"] and golden.machine
    assert golden.band[0] > 0.3  # a run that learns nothing stays near 0


def test_a_sound_learner_is_inside_on_secrets_that_it_never_saw(recipe, home, capsys):
    assert main(["check", str(recipe)]) == 0
    shown = capsys.readouterr().out
    assert "seed 16 " in shown and "seed 19 " in shown
    assert "inside" in shown and "0.62%" in shown
    for line in ("expected, median of 16 runs", "band, lower end", "band, upper end", "now, median of 4 runs"):
        assert line in shown


def test_a_learner_that_does_not_learn_is_outside(recipe, home, capsys):
    assert main(["check", str(recipe), "learning_rate=1e-12"]) == 1
    assert "OUTSIDE: all 4 runs lie below the band" in capsys.readouterr().out


def test_advantages_of_the_wrong_sign_are_outside(recipe, home, monkeypatch):
    pack = loop.training_data

    def turned(one: Rollout) -> Rollout:
        return replace(one, advantages=tuple(-advantage for advantage in one.advantages))

    def wrong(groups, extra, *rest):
        return pack([[turned(one) for one in group] for group in groups], [turned(one) for one in extra], *rest)

    monkeypatch.setattr(loop, "training_data", wrong)
    assert main(["check", str(recipe)]) == 1


def test_a_learner_that_breaks_is_outside(recipe, home, capsys):
    assert main(["check", str(recipe), "learning_rate=1e30"]) == 1
    assert "had to stop" in capsys.readouterr().out


def test_a_short_form_is_the_beginning_of_the_full_run(recipe, home):
    whole = run_seed(recipe, {}, 3, "bits_known").curve
    short = run_seed(recipe, {}, 3, "bits_known", until=48).curve
    assert list(short.episodes) == [0, 24, 48]
    assert list(short.bits_known) == list(whole.bits_known)[:3]


def test_the_short_form_is_half_of_the_run_up_to_a_measured_step():
    def horizon(**words: str) -> float:
        return default_horizon(plan_of(load_page(None, {"group_size": "4", **words})).page)

    assert horizon(n_batches="12", eval_every="3") == 24  # 6 steps
    assert horizon(n_batches="96", eval_every="10") == 200  # 48 steps, and the next measured one is 50
    assert horizon(n_batches="5", eval_every="100") == 20


def test_a_band_that_lets_a_run_pass_that_learns_nothing_is_refused(recipe, home, capsys):
    assert main(["check", str(recipe), "--make", "learning_rate=1e-12", "--runs", "8"]) == 2
    assert "runs that learn nothing would lie inside this band" in capsys.readouterr().err


def test_a_recipe_that_has_changed_wants_a_new_curve_and_a_comment_changes_nothing(recipe, home, capsys, tmp_path):
    other = tmp_path / "small.toml"
    golden_path(other).parent.mkdir()
    golden_path(other).write_text(golden_path(recipe).read_text())
    other.write_text("# a comment\n" + RECIPE)
    assert recipe_hash(other) == recipe_hash(recipe)
    other.write_text(RECIPE.replace("n_batches = 12", "n_batches = 13"))
    assert main(["check", str(other)]) == 2
    assert "has changed since its golden curve was made" in capsys.readouterr().err


def test_the_list_names_recipes_with_and_without_a_curve(recipe, capsys):
    (recipe.parent / "young.toml").write_text(RECIPE)
    assert main(["check", "--list", str(recipe.parent)]) == 0
    young, small = sorted(capsys.readouterr().out.splitlines(), reverse=True)
    assert "no golden curve" in young
    assert "16 runs" in small and "fails 0.62%" in small


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["check", "secret"], "straw check takes a recipe, got secret"),
        (["check", "none.toml"], "there is no recipe none.toml"),
        (["check", "--list", "nowhere"], "there are no recipes in nowhere"),
        (["check", "x.toml", "--make", "--runs", "few"], "--runs is a whole number from 0 to 10,000; got 'few'"),
    ],
)
def test_what_can_be_mended_is_one_line(words, said, capsys):
    assert main(words) == 2
    assert said in capsys.readouterr().err


def test_the_secret_recipes_ship_a_golden_curve():
    recipes = sorted((ROOT / "recipes").glob("secret_*.toml"))
    assert recipes and all(golden_path(path).is_file() for path in recipes)


def test_every_golden_curve_belongs_to_its_recipe_and_tells_learners_from_others():
    for path in sorted((ROOT / "recipes" / "golden").glob("*.json")):
        golden, recipe = read_golden(path), path.parents[1] / f"{path.stem}.toml"
        assert golden.recipe_hash == recipe_hash(recipe), f"make it anew: {golden.command}"
        assert len(golden.seeds) >= 8 and golden.fails_soundly < 0.01
        low, _ = golden.band
        assert low > max(row[0] for row in golden.values)
