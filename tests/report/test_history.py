from straw.report.history import history


def test_events_of_a_kind_are_one_line_and_alarms_say_what_to_do():
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


def test_an_event_of_another_version_is_shown_as_it_stands():
    assert history([{"what": 3}]) == [("event", "step None, what 3")]
