"""Episodes in classes made for it: what is told, what is paid, and what fails."""

from __future__ import annotations

from math import inf, nan
from types import SimpleNamespace
from typing import Any

import pytest

from straw.tasks.environments import episode as module
from straw.tasks.environments.calling import Hung
from straw.tasks.environments.contract import contract_of, said_of
from straw.tasks.environments.episode import Episode, Limits, shortened, text_of
from straw.tasks.environments.luck import Luck
from straw.text.tools.calls import Call, Malformed, Read
from straw.types import Message

LIMITS = Limits(turns=4, seconds=5.0, result=40)


class Shop:
    """Pays by turn and at the end, reads replies, wants a seed, and says whether it is done."""

    turn_reward = 0.0
    solved = done = False
    last_reply = "none yet"
    at_end: Any = 2.0

    def reset(self, seed: int | None = None, **row: Any) -> Any:
        self.row, self.seed = row, seed
        return row.get("said", "Buy.")

    def buy(self, count: int) -> Any:
        """Buys.

        Args:
            count: How many.
        """
        if count < 0:
            raise ValueError("nothing is sold back")
        self.turn_reward += count
        self.done = count == 9
        return [{"type": "text", "text": f"bought {count}"}, {"text": "thanks"}]

    def get_reward(self) -> Any:
        return self.at_end


class Quiet:
    """Pays nothing, knows nothing."""

    def reset(self, **row: object) -> None: ...

    def look(self) -> str:
        """Looks."""
        return "x" * 50


def begun(kind: type = Shop, limits: Limits = LIMITS, row: dict[str, Any] | None = None, seed: int = 7) -> Episode:
    contract = contract_of("it", kind)
    asked = (Message("system", "Be brief."), Message("user", "Now: "))
    return Episode(contract, kind(), asked, row or {}, limits, Luck(seed))


def buys(*counts: int, content: str = "") -> Read:
    return Read(content, tuple(Call("buy", {"count": count}) for count in counts))


def test_what_reset_says_stands_behind_the_last_message_alone() -> None:
    episode = begun(row={"level": 3})
    assert episode.open() == (Message("system", "Be brief."), Message("user", "Now: Buy."))
    assert (episode.instance.row, episode.instance.seed) == ({"level": 3}, 7)
    assert episode.instance.last_reply == ""
    assert begun(Quiet).open() == (Message("system", "Be brief."), Message("user", "Now: "))
    given = begun(row={"seed": 11})
    given.open()
    assert given.instance.seed == 11


def test_turns_are_paid_as_they_come_and_the_end_goes_to_the_last() -> None:
    episode = begun()
    episode.open()
    found = episode.answer(buys(1, 2, content="I buy"))
    assert found == [{"role": "tool", "name": "buy", "content": f"bought {count}\nthanks"} for count in (1, 2)]
    assert episode.instance.last_reply == "I buy" and episode.instance.turn_reward == 0.0
    assert episode.answer(buys(0)) is not None and episode.answer(Read("bye")) is None
    play = episode.close()
    assert play.turn_rewards == (3.0, 0.0, 2.0) and play.reward == 5.0
    assert play.heard == ("bought 1\nthanks\nbought 2\nthanks", "bought 0\nthanks", "")
    assert [one.turn for one in play.calls] == [0, 0, 1] and play.tools == ("buy",) and play.solved is False


def test_an_episode_that_said_nothing_is_paid_what_the_end_pays() -> None:
    episode = begun()
    episode.open()
    play = episode.close()
    assert (play.reward, play.turn_rewards) == (2.0, None)
    quiet = begun(Quiet)
    quiet.open()
    quiet.answer(Read("", (Call("look"),)))
    play = quiet.close()
    assert (play.reward, play.turn_rewards, play.solved, play.reason) == (None, None, None, "")


def test_none_at_the_end_adds_nothing() -> None:
    episode = begun()
    episode.open()
    episode.instance.at_end = None
    episode.answer(buys(4))
    assert episode.close().reward == 4.0


@pytest.mark.parametrize("paid", [nan, inf, "much", [1], 10**400], ids=lambda one: f"{one!r:.9}")
def test_an_end_that_pays_no_number_has_failed(paid: Any) -> None:
    episode = begun()
    episode.open()
    episode.instance.at_end = paid
    episode.answer(buys(4))
    play = episode.close()
    assert play.reward is None and play.turn_rewards is None
    assert play.reason == f"Shop.get_reward gives a finite number or None, and gave {paid!r:.40}"


@pytest.mark.parametrize("paid", [nan, -inf, "much", True, 10**400], ids=lambda one: f"{one!r:.9}")
def test_a_turn_that_pays_no_number_ends_the_episode(paid: Any) -> None:
    class Odd(Shop):
        def buy(self, count: int) -> str:
            """Buys.

            Args:
                count: How many.
            """
            self.turn_reward = paid
            return "bought"

    episode = begun(Odd)
    episode.open()
    assert episode.answer(buys(1)) is None
    play = episode.close()
    assert play.reason == f"Odd.turn_reward is a finite number, and is {paid!r:.40}" and play.reward is None


def test_done_ends_an_episode_only_where_the_page_says_so() -> None:
    for stops in (True, False):
        episode = begun(limits=Limits(turns=4, seconds=5.0, result=40, stops_when_done=stops))
        episode.open()
        assert episode.answer(buys(1)) is not None
        assert (episode.answer(buys(9)) is None) is stops


def test_a_turn_reward_that_an_environment_has_taken_away_is_none() -> None:
    class Forgetful:
        def __init__(self) -> None:
            self.turn_reward = 1.0

        def reset(self, **row: object) -> None: ...

        def look(self) -> str:
            """Looks."""
            del self.turn_reward
            return "gone"

    episode = begun(Forgetful)
    episode.open()
    episode.answer(Read("", (Call("look"),)))
    assert episode.turn_rewards == [0.0] and not episode.reason


def test_an_environment_that_does_not_say_when_it_is_done_goes_on() -> None:
    quiet = begun(Quiet, limits=Limits(turns=4, seconds=5.0, result=40, stops_when_done=True))
    quiet.open()
    assert quiet.answer(Read("", (Call("look"),))) is not None


def test_an_attribute_that_is_a_property_and_raises_has_failed() -> None:
    """By far too long a number that a model said, for example."""

    class Odd(Shop):
        fails = ""

        @property
        def done(self) -> bool:  # type: ignore[override]
            return self._of("done")

        @property
        def solved(self) -> bool:  # type: ignore[override]
            return self._of("solved")

        def _of(self, name: str) -> bool:
            if self.fails == name:
                raise ValueError("too long")
            return False

        def buy(self, count: int) -> str:
            """Buys.

            Args:
                count: How many.
            """
            return "bought"

    for name, goes_on in (("done", False), ("solved", True), ("", True)):
        episode = begun(Odd, limits=Limits(turns=4, seconds=5.0, result=40, stops_when_done=True))
        episode.open()
        episode.instance.fails = name
        assert (episode.answer(buys(1)) is not None) is goes_on
        play = episode.close()
        assert play.reason == (f"Odd.{name} raised ValueError: too long" if name else "")
        assert (play.reward, play.solved) == ((None, None) if name else (2.0, False))


def test_the_environment_s_time_is_counted_over_all_that_it_does_and_what_is_left_is_its_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now, limits = [100.0], []

    def call(function: Any, seconds: float) -> Any:
        now[0] += 1.50004
        limits.append(seconds)
        return function()

    monkeypatch.setattr(module, "CALL", call)
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now[0]))
    episode = begun()
    episode.open()
    now[0] += 50  # the model's own time
    episode.answer(buys(1, 2))
    assert episode.seconds == pytest.approx(4.50012)
    assert limits == pytest.approx([5.0, 3.49996, 1.99992])
    assert episode.close().seconds == 7.5002


def test_what_takes_too_long_has_failed_with_the_limit() -> None:
    def hung(function: Any, seconds: float) -> Any:
        raise Hung

    for which in ("reset", "buy", "get_reward"):
        with pytest.MonkeyPatch.context() as patch:
            episode = begun(limits=Limits(turns=4, seconds=2.5, result=40))
            if which != "reset":
                episode.open()
            if which == "get_reward":
                episode.answer(buys(1))
            patch.setattr(module, "CALL", hung)
            if which == "reset":
                assert episode.open() is None
            if which == "buy":
                assert episode.answer(buys(1, 2)) is None and episode.heard == [""] and episode.calls == []
            play = episode.close()
            assert (play.reward, play.turn_rewards) == (None, None)
            assert play.reason == (
                f"Shop.{which} was ended: an episode has 2.5 seconds for all that its environment does (env_seconds)"
            )


def test_calls_that_come_to_nothing_are_told_and_counted() -> None:
    episode = begun()
    episode.open()
    calls = (
        Call("fly", {"a": 1}),
        Malformed("buy(", "it is not closed", "buy"),
        Malformed("?", "odd"),
        Call("buy", {"count": -1}),
    )
    found = episode.answer(Read("", calls))
    assert found is not None and [one["name"] for one in found] == ["fly", "buy", "unknown", "buy"]
    assert [(one.name, dict(one.arguments), one.status, one.result) for one in episode.calls] == [
        ("fly", {"a": 1}, "unknown", "{'error': 'Tool fly not found.'}"),
        ("buy", {}, "malformed", shortened("{'error': 'this is no call, it is not closed'}", 40)),
        ("", {}, "malformed", "{'error': 'this is no call, odd'}"),
        ("buy", {"count": -1}, "failed", "{'error': 'nothing is sold back'}"),
    ]  # fmt: skip


def test_what_a_tool_gives_and_cannot_be_written_out_is_an_error_for_the_model() -> None:
    """Python writes no number of more than 4,300 digits."""

    class Large(Shop):
        def buy(self, count: int) -> int:
            """Buys.

            Args:
                count: How many.
            """
            return 10 ** (5_000 * count)

    episode = begun(Large, limits=Limits(turns=4, seconds=5.0, result=400))
    episode.open()
    found = episode.answer(buys(1, 0))
    assert found is not None and found[0]["content"].startswith("{'error': ") and found[1]["content"] == "1"
    assert [one.status for one in episode.calls] == ["failed", "answered"] and not episode.reason


def test_a_text_that_is_too_long_keeps_three_quarters_and_a_quarter() -> None:
    assert shortened("a" * 40, 40) == "a" * 40
    text = "".join(chr(97 + place % 26) for place in range(2000))
    assert shortened(text, 40) == f"{text[:30]}\n[1,960 characters left out]\n{text[-10:]}"
    assert shortened(text, 3) == f"{text[:3]}\n[1,997 characters left out]\n"


def test_blocks_of_text_are_their_texts_and_anything_else_is_written_out() -> None:
    assert text_of([{"text": "a"}, {"text": 3}]) == "a\n3"
    assert text_of([]) == "[]" and text_of([{"text": "a"}, "b"]) == "[{'text': 'a'}, 'b']" and text_of(None) == "None"


def test_reset_that_gives_no_text_has_failed() -> None:
    episode = begun(row={"said": 3})
    assert episode.open() is None
    assert episode.close().reason == "Shop.reset gives a text or None, and gave int"


def test_an_error_is_told_by_its_kind_and_first_line() -> None:
    assert said_of(ValueError("a\nb")) == "ValueError: a" and said_of(KeyError()) == "KeyError"
    assert said_of(ValueError("x" * 400)) == "ValueError: " + "x" * 300
