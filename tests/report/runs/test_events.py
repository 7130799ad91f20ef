from __future__ import annotations

from straw.report.runs.events import history


def test_events_of_a_kind_are_one_line_and_alarms_say_what_to_do() -> None:
    events = [
        {"time": 1.0, "event": "started", "step": 0},
        {"time": 2.0, "event": "checkpoint", "step": 20},
        {"time": 3.0, "event": "alarm", "step": 31, "name": "kl_spike", "value": 0.83456, "advice": "a smaller rate"},
        {"time": 4.0, "event": "checkpoint", "step": 60},
        {"time": 5.0, "event": "alarm", "step": 40, "name": "lock_in", "value": 1, "advice": "more entropy"},
    ]
    assert history(events) == [
        ("started", "step 0"),
        ("checkpoint", "2 times, steps 20 to 60"),
        ("alarm kl_spike", "step 31, value 0.8346: a smaller rate"),
        ("alarm lock_in", "step 40, value 1: more entropy"),
    ]


def test_what_gates_found_are_sentences_and_no_dict_is_spelled_as_python_does() -> None:
    events = [
        {"event": "gates", "step": 0, "found": {"end_tokens": "ends at <|end|>", "paid_form": "", "full": "earns 1"}},
        {"event": "resumed", "step": 3, "versions_changed": {}},
        {
            "event": "resumed",
            "name": "again",
            "step": 4,
            "versions_changed": {"torch": "2.12 -> 2.13", "numpy": "1 -> 2"},
        },
        {
            "event": "engine",
            "step": 9,
            "generators": [{"state": "x"}, {"state": "y"}],
            "sync_s": 0.05,
            "names": ["a", "b"],
        },
    ]
    lines = history(events)
    assert [line for _, line in lines] == [
        "step 0, ends at <|end|>; earns 1",
        "step 3",
        "step 4, versions changed torch 2.12 -> 2.13; numpy 1 -> 2",
        "step 9, generators 2, sync s 0.05, names a, b",
    ]
    assert not any(mark in line for _, line in lines for mark in "{}[]'")


def test_an_event_of_another_version_is_shown_as_it_stands() -> None:
    assert history([{"what": 3}]) == [("event", "step None, what 3")]
