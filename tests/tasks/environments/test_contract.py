"""What is read of a class: its tools, whether it pays, what it knows, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from straw.errors import ConfigError
from straw.tasks.environments.contract import Contract, contract_of, examples_of, is_finite, is_number
from straw.tasks.environments.episode import Episode, Limits
from straw.tasks.environments.luck import Luck
from straw.text.tools.calls import Call, Read
from straw.types import Message

LIMITS = Limits(turns=4, seconds=5.0, result=40)


class Shop:
    """Pays by turn and at the end, reads replies, wants a seed, and says whether it is done."""

    turn_reward = 0.0
    solved = done = False
    last_reply = "none yet"

    def reset(self, seed: int | None = None, **row: Any) -> Any:
        return "Buy."

    def buy(self, count: int) -> Any:
        """Buys.

        Args:
            count: How many.
        """
        return f"bought {count}"

    def get_reward(self) -> Any:
        return 2.0


class Quiet:
    """Pays nothing, knows nothing."""

    def reset(self, **row: object) -> None: ...

    def look(self) -> str:
        """Looks."""
        return "around"


def add(a: int, b: int) -> int:
    """Adds.

    Args:
        a: One.
        b: Another.
    """
    return a + b


def test_a_contract_is_what_the_class_has() -> None:
    shop, quiet = contract_of("a", Shop), contract_of("b", Quiet)
    facts = ("methods", "pays", "pays_by_turn", "wants_seed", "knows_success", "reads_replies")
    assert [getattr(shop, fact) for fact in facts] == [("buy",), True, True, True, True, True]
    assert [getattr(quiet, fact) for fact in facts] == [("look",), False, False, False, False, False]

    class Flag(Quiet):
        turn_reward = True  # no number
        solved = 1  # neither true nor false
        last_reply = None

    flag = contract_of("c", Flag)
    assert not (flag.pays_by_turn or flag.knows_success or flag.reads_replies)


def test_tools_without_a_name_or_with_one_twice_are_refused() -> None:
    def look() -> str:
        """Looks."""
        return ""

    assert contract_of("it", None, [look]).tools == ("look",) and contract_of("it", Shop, [look]).tools == (
        "look",
        "buy",
    )
    for tools in ([look, look], [object()]):
        with pytest.raises(ConfigError, match="names of their own"):
            contract_of("it", None, tools)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="two tools are called look, one of it and one of tools: rename"):
        contract_of("it", Quiet, [look])


def test_a_method_that_is_a_function_of_another_name_is_offered_and_called_by_that_as_in_trl() -> None:
    class Lent(Quiet):
        plus = staticmethod(add)
        sum_of = staticmethod(add)
        see = Quiet.look

    lent = contract_of("it", Lent)
    assert lent.tools == ("look", "add")
    assert [one["function"]["name"] for one in lent.schemas] == ["look", "add"]
    tool = lent.tool_of(Lent(), "add")
    assert tool is not None and tool(1, 2) == 3 and lent.tool_of(Lent(), "plus") is None

    def look() -> str:
        """Looks elsewhere."""
        return ""

    Lent.elsewhere = staticmethod(look)  # type: ignore[attr-defined]
    with pytest.raises(ConfigError, match="two tools are called look, elsewhere and look of it: rename"):
        contract_of("it", Lent)


def test_tools_are_functions_beside_the_class_and_then_its_public_methods() -> None:
    class Many(Quiet):
        costly = property(lambda self: 1 / 0)
        pays = 3

        def listen(self) -> str:
            """Listens."""
            return "nothing"

        def _hide(self) -> None: ...

        def get_reward(self) -> float:
            return 1.0

    contract = contract_of("it", Many, [add])
    assert contract.tools == ("add", "listen", "look") and contract.name == "Many" and contract.pays
    assert [one["function"]["name"] for one in contract.schemas] == ["add", "listen", "look"]
    instance = Many()
    assert contract.tool_of(instance, "look") == instance.look and contract.tool_of(instance, "add") is add
    for name in ("reset", "get_reward", "_hide", "costly", "pays", "fly"):
        assert contract.tool_of(instance, name) is None


def test_a_function_may_make_an_environment() -> None:
    made: list[Quiet] = []

    def factory() -> Quiet:
        made.append(Quiet())
        return made[-1]

    contract = contract_of("mine.py:factory", factory)
    assert (contract.name, contract.methods, contract.factory, len(made)) == ("Quiet", ("look",), factory, 1)


def test_a_contract_that_names_no_facts_has_none() -> None:
    bare = Contract("a", None, (), (), {}, pays=False, pays_by_turn=False)
    assert not (bare.wants_seed or bare.knows_success or bare.reads_replies) and not bare.examples and not bare.tools
    assert contract_of("tools", None, [add]) == Contract(
        "tools", None, (), contract_of("tools", None, [add]).schemas, {"add": add}, pays=False, pays_by_turn=False
    )


def test_what_is_no_environment_is_one_line() -> None:
    class Bare:
        def look(self) -> None: ...

    class Deaf(Quiet):
        def reset(self) -> None: ...  # type: ignore[override]

    class Costly(Quiet):
        def __init__(self) -> None:
            raise ValueError("no board\nat all")

    for factory, why in (
        (7, "an environment is a class, or a function that makes one; it is 7"),
        (Bare, "an environment has a method reset, and Bare (it) has none: add it"),
        (Deaf, "reset is given the fields of the row that an episode begins with, and that of Deaf (it) takes none: "
         "write def reset(self, **row)"),
        (Costly, "an environment is made without arguments, and it cannot be (ValueError: no board): what it needs, "
         "take from around it or from the row that reset is given"),
    ):  # fmt: skip
        with pytest.raises(ConfigError) as caught:
            contract_of("it", factory)  # type: ignore[arg-type]
        assert str(caught.value) == why


def test_tools_that_have_no_names_are_told_by_what_they_are() -> None:
    with pytest.raises(ConfigError) as caught:
        contract_of("it", None, [7, "x" * 300])  # type: ignore[list-item]
    assert str(caught.value) == f"tools are functions with names of their own, got 7, '{'x' * 196}"


def test_examples_are_messages_where_any_of_them_is_one() -> None:
    said = {"role": "user", "content": "a"}
    assert examples_of("it", [said]) == examples_of("it", (said,)) == (Message("user", "a"),)
    others: list[Any] = [(), [], ("a", "b"), "user", {"role": "user"}, None]
    for other in others:
        assert examples_of("it", other) == ()
    with pytest.raises(ConfigError, match=r"^it.examples stand before what is asked, and .*: mend it$"):
        examples_of("it", [said, "b"])


def test_a_number_is_no_truth_and_a_finite_one_fits_into_a_float() -> None:
    assert [is_number(one) for one in (1, 0.5, float("nan"), True, "1", None)] == [True] * 3 + [False] * 3
    assert [is_finite(one) for one in (1, -0.5, 10**308)] == [True] * 3
    assert [is_finite(one) for one in (float("nan"), -float("inf"), True, "1", None, 10**309)] == [False] * 6


def test_tools_without_an_environment_begin_with_what_is_asked_and_pay_nothing() -> None:
    asked = (Message("user", "2 + 3?"),)
    episode = Episode(contract_of("tools", None, [add]), None, asked, {"answer": 5}, LIMITS, Luck(7))
    assert episode.open() == asked
    found = episode.answer(Read("", (Call("add", {"a": 2, "b": 3}), Call("add", {"a": 2}))))
    assert found is not None and found[0]["content"] == "5"
    play = episode.close()
    assert (play.reward, play.turn_rewards, play.solved, play.reason) == (None, None, None, "")
    assert [one.status for one in play.calls] == ["answered", "failed"] and play.environment == "tools"


def test_examples_stand_behind_what_is_asked_before_and_in_front_of_the_last_message() -> None:
    class Taught(Shop):
        examples = ({"role": "user", "content": "a"}, {"role": "assistant", "content": "b"})

    asked = (Message("system", "Be brief."), Message("user", "Now: "))
    opened = Episode(contract_of("it", Taught), Taught(), asked, {}, LIMITS, Luck(7)).open()
    assert opened is not None and [one.content for one in opened] == ["Be brief.", "a", "b", "Now: Buy."]
