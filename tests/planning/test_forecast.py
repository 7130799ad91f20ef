"""The bottleneck has the name of what was made scarce; memory, machines and the end of scaling."""

from __future__ import annotations

from typing import Any

import pytest
from tests.planning.made_costs import costs, work

from straw.errors import ConfigError
from straw.planning.forecast import check_counts, check_is_of, row_of, scaling_of
from straw.planning.layout import Hosts, Layout, hosts_from
from straw.planning.memory import card_mb, keys_mb, machine_mb


@pytest.mark.parametrize(
    ("name", "said", "case", "place"),
    [
        ("trainer", {"train_s": 1.0}, {"max_lag": 1}, {"generators": 4}),
        ("generators", {"train_s": 1e-4}, {"max_lag": 1}, {"generators": 4}),
        ("messages", {"message_s": 0.1, "token_s": 1e-3, "train_s": 1e-4}, {"groups": 64}, {"generators": 64}),
        ("directing", {"keep_s": 0.5, "token_s": 1e-3, "train_s": 1e-4}, {}, {"generators": 2}),
        ("weights", {"weights_mb": 1000.0, "train_s": 1e-4}, {}, {"generators": 4, "others": 3}),
        ("slowest", {"replies": ((1,),) * 30 + ((300,),), "train_s": 1e-4}, {"groups": 16}, {"generators": 64}),
        ("processors", {"train_s": 1e-4}, {"max_lag": 1}, {"generators": 4, "cores": 1}),
        ("batch", {"token_s": 0.001, "train_s": 1e-5, "update_s": 5.0}, {"groups": 1}, {"generators": 8}),
    ],
)
def test_the_bottleneck_has_the_name_of_what_is_scarce(
    name: str, said: dict[str, Any], case: dict[str, Any], place: dict[str, Any]
) -> None:
    row = row_of(work(**case), costs(**said), Layout(**{"cores": 128, **place}))
    ours = row.bottleneck.gains
    if name == "batch":  # an update costs the same for any batch, and no other part is for that
        assert ours["batch"] > 0.5 and row.bottleneck.name in ("batch", "trainer")
    else:
        assert row.bottleneck.name == name, ours


def test_what_is_said_of_a_plan_is_what_a_person_would_count() -> None:
    row = row_of(work(), costs(), Layout(generators=1, cores=4))
    assert row.found.rollouts_per_s == pytest.approx(16 / 2.6)
    assert row.device_s == pytest.approx(2.6 / 16 * 1e6)
    assert row.bottleneck.gains["trainer"] == pytest.approx(2.6 / 1.8 - 1)
    record = row.record()
    assert record["bottleneck"] == "trainer" and record["cpu_s_per_million_episodes"] == row.device_s


def test_cards_are_held_while_nobody_computes() -> None:
    row = row_of(work(device="cuda"), costs(), Layout(generators=3, cores=4, cards=8))
    assert row.device_s == pytest.approx(4 / row.found.rollouts_per_s * 1e6)
    crowded = row_of(work(device="cuda"), costs(), Layout(generators=3, cores=4, cards=2))
    assert crowded.found.step_s == pytest.approx(1.5 + 1.6)  # three share two cards
    assert crowded.device_s == pytest.approx(2 / crowded.found.rollouts_per_s * 1e6)


def test_scaling_ends_where_twice_as_many_bring_less_than_a_tenth() -> None:
    rows = scaling_of(work(groups=64), costs(token_s=0.0, row_s=0.01, train_s=1e-4), Hosts(cores=10**5))
    # 256 rows are 25.6 s; TILE of them are the least that costs, so sixteen generators are the last that help
    assert rows.ends and rows.last == 16
    assert rows.rates[16] == pytest.approx(256 / (1.6 + 0.0256))
    assert "batch" in rows.words or "generators" in rows.words


def test_generators_are_not_asked_for_where_more_of_them_bring_nothing() -> None:
    said = costs(token_s=0.0, row_s=0.01, train_s=1e-4)
    few = row_of(work(groups=64), said, Layout(generators=2, cores=128))
    assert few.bottleneck.words == "generators: 2 do not write fast enough"
    small = row_of(work(groups=1), said, Layout(generators=2, cores=128))
    assert "more of them write no faster" in small.bottleneck.words


def test_messages_end_it_where_all_else_would_go_on() -> None:
    found = scaling_of(
        work(groups=512), costs(token_s=0.0, row_s=0.01, train_s=1e-9, message_s=0.1), Hosts(cores=10**5)
    )
    # 2048 rows are 205 s for one generator, and n pieces of work 0.1 n s for the directing process
    assert found.ends and found.last in (32, 64)
    assert found.words.startswith("controller messages")


def test_a_machine_holds_what_is_on_it() -> None:
    made = costs(
        directing_mb=100.0, trainer_mb=1000.0, generator_mb=10.0, shared_mb=50.0, weights_mb=20.0, keys_kb=1.0,
        prompt_tokens=90.0,
    )  # fmt: skip
    assert keys_mb(work(), made, Layout(generators=1)) == pytest.approx(16 * 100 / 1e3)
    assert machine_mb(work(), made, Layout(generators=2)) == pytest.approx(1150 + 2 * (10 + 0.8))
    assert machine_mb(work(max_lag=3), made, Layout(generators=2)) == pytest.approx(1150 + 2 * 20 + 2 * (10 + 0.8))
    elsewhere = Layout(generators=64, others=1, is_here=False)
    assert machine_mb(work(), made, elsewhere) == pytest.approx(max(1150, 50 + 64 * (10 + 0.1)))
    assert card_mb(work(), made, Layout(generators=1, cards=2)) == pytest.approx(10 + 4 * 20)


def test_generators_go_round_the_machines_as_those_of_a_page() -> None:
    from straw.config import load_page
    from straw.engines.monarch.hosts.places import placed

    hosts = "tls://a:1,here,tls://b:1"
    page = load_page(None, {"engine": "monarch", "hosts": hosts, "num_generators": 8, "certs": "x"}).page
    places, layout = placed(page.engine), hosts_from(hosts, None, 2, 0).layout(8)
    assert layout.machines == 3
    theirs = sorted(places.num_generators(host) for host in places.hosts)
    assert sorted(layout.on(machine) for machine in range(3)) == theirs
    assert [sum(layout.host_of(g) == m for g in range(8)) for m in range(3)] == [layout.on(m) for m in range(3)]


def test_machines_are_a_number_or_addresses_or_as_many_as_it_takes() -> None:
    assert hosts_from("3", None, 2, 0).layout(8).machines == 3
    assert hosts_from("3", None, 2, 0).layout(2).machines == 2  # nobody is on the third
    away = hosts_from("tls://a:1", None, 2, 0).layout(4)
    assert (away.machines, away.on(0), away.on(1)) == (2, 0, 4)
    assert hosts_from(None, 8, 2, 0).layout(64).machines == 8
    for said, per_host in (("0", None), ("70000", None), ("2", 8), ("tls://a", None)):
        with pytest.raises(ConfigError):
            hosts_from(said, per_host, 2, 0)


def test_what_cannot_be_planned_is_refused() -> None:
    for count in (0, 10_001):
        with pytest.raises(ConfigError, match="1 to 10,000"):
            check_counts([1, count])
    with pytest.raises(ConfigError, match="model=tiny-1M and the page has model=smollm2"):
        check_is_of(costs(about={"model": "tiny-1M"}), {"model": "smollm2"})
    check_is_of(costs(), {"model": "smollm2"})
