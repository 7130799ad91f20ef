from __future__ import annotations

from pathlib import Path

from straw.report.runs.evaluations import Said, before_and_after
from straw.runs.store import RunFolder


def record(step: int, extracted: int | None, right: bool, well_formed: bool = True) -> dict[str, object]:
    return {"step": step, "prompt": "12 reversed?", "extracted": extracted, "right": right, "well_formed": well_formed}


def test_the_first_and_the_last_measurement_are_told(tmp_path: Path) -> None:
    with RunFolder.create(tmp_path / "run", 'kind = "reverse_digits"\n') as folder:
        assert before_and_after(folder.path) == ([], [])
        for step, extracted in ((0, 12), (5, 2), (10, 21)):
            folder.write_evaluations([record(step, extracted, extracted == 21)])
        before, after = before_and_after(folder.path)
    assert before == [Said("12 reversed?", 12, False, True)]
    assert after == [Said("12 reversed?", 21, True, True)]


def test_a_reply_in_a_few_words() -> None:
    assert Said("?", 21, True, True).said == "21 right"
    assert Said("?", 12, False, False).said == "12 wrong, no tag"
    assert Said("?", None, False, False).said == "nothing"


def test_a_folder_of_another_version_has_no_evaluations(tmp_path: Path) -> None:
    with RunFolder.create(tmp_path / "run", 'kind = "secret"\n') as folder:
        (folder.path / "evaluations.jsonl").unlink()
        assert before_and_after(folder.path) == ([], [])
