import hashlib
import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from bot.cli.main import main
from model.errors import BadInput
from training.evaluation.results import compare, digest, load, readable, save, stamped, table


def saved(folder: Path, name: str, figures: dict[str, object], **inputs: Path) -> Path:
    path = folder / name
    save(stamped(figures, inputs, seed=1), path)
    return path


def test_a_result_says_how_to_get_it_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    songs = tmp_path / "my songs.jsonl"
    songs.write_bytes(b"la la")
    monkeypatch.setattr(sys, "argv", ["/usr/bin/songwriter", "evaluate", "lyrics", str(songs)])
    path = saved(tmp_path, "result.json", {"nats_per_char": 1.5}, songs=songs)
    found = load(path)
    assert found["nats_per_char"] == 1.5
    assert found["provenance"]["command"] == f"songwriter evaluate lyrics '{songs}'"
    assert found["provenance"]["random_seed"] == 1
    assert found["provenance"]["inputs"]["songs"] == {
        "path": str(songs),
        "sha256": hashlib.sha256(b"la la").hexdigest()[:16],
    }


def test_a_command_with_a_name_that_is_no_unicode_can_be_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["songwriter", "report", "caf\udce9.csv"])
    paths = [str(saved(tmp_path, name, {"cider": 1.0})) for name in ("a.json", "b.json")]
    monkeypatch.setattr(sys, "argv", ["songwriter", "report", "other.csv"])
    paths.append(str(saved(tmp_path, "c.json", {"cider": 2.0})))
    result = CliRunner().invoke(main, ["evaluate", "compare", *paths])
    assert result.exit_code == 0, result.output
    assert "report 'caf\ufffd.csv'" in result.stdout


def test_several_files_have_one_digest_that_sees_every_change(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in "ab"]
    for path in paths:
        path.write_bytes(b"x")
    before = digest(paths)
    assert digest(paths[::-1]) == before
    paths[1].write_bytes(b"y")
    assert digest(paths) != before


def test_a_missing_input_is_said(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be read"):
        stamped({}, {"songs": tmp_path / "none"})


@pytest.mark.parametrize(
    "content", [b"", b"[1]", b'{"figures": 1}', b"\xff", b'{"provenance": 1}', b"[" * 99_999, b"1" * 5000]
)
def test_what_is_no_result_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.json"
    path.write_bytes(content)
    result = CliRunner().invoke(main, ["evaluate", "compare", str(path)])
    assert result.exit_code == 65
    assert "bad.json" in result.stderr
    assert "Traceback" not in result.output


def test_figures_side_by_side(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.write_bytes(b"1")
    rows = [{"temperature": 0.4, "whole": 0.9}]
    first = saved(tmp_path, "a.json", {"cider": 60.0, "rhymes": {"strict": 0.5}, "rows": rows}, data=data)
    data.write_bytes(b"2")
    second = saved(tmp_path, "b.json", {"cider": 61.5, "meteor": None}, data=data)
    found = compare({"a": load(first), "b": load(second)})
    assert found["cider"] == {"a": 60.0, "b": 61.5}
    assert found["rhymes.strict"] == {"a": 0.5, "b": None}
    assert found["temperature 0.4.whole"] == {"a": 0.9, "b": None}
    # The data differ, the seed does not.
    assert "provenance.inputs.data.sha256" in found
    assert "provenance.random_seed" not in found

    shown = CliRunner().invoke(main, ["evaluate", "compare", str(first), str(second)])
    assert shown.exit_code == 0
    assert "songwriter" not in shown.stdout
    [cider] = [line for line in shown.stdout.splitlines() if line.startswith("cider")]
    assert cider.split() == ["cider", "60.0000", "61.5000"]
    asked = CliRunner().invoke(main, ["evaluate", "compare", str(first), str(second), "--json"])
    assert json.loads(asked.stdout)["cider"] == {str(first): 60.0, str(second): 61.5}


def test_long_cells_keep_their_end_and_the_table_its_width() -> None:
    text = table([("", "/a/very/long/path/to/somewhere/far/away/result.json"), ("cider", 60.0)])
    heading, row = text.splitlines()
    assert heading.endswith("away/result.json")
    assert len(heading) == len(row) < 45


def test_people_read_their_own_figures_beside() -> None:
    text = readable({"distinct_2": 0.7, "count": 3, "corpus": {"distinct_2": 0.9}, "provenance": {}})
    assert [line.split() for line in text.splitlines()] == [
        ["figure", "value", "corpus"],
        ["distinct_2", "0.7000", "0.9000"],
        ["count", "3"],
    ]


def test_an_experiments_rows_become_a_table() -> None:
    result = {"n": 2, "rows": [{"t": 0.1, "x": 1.0}, {"t": 0.2, "x": None}], "corpus": {"x": 0.5}}
    assert [line.split() for line in readable(result).splitlines() if line] == [
        ["n", "2"], ["t", "x"], ["0.1000", "1.0000"], ["0.2000", "-"], ["corpus", "0.5000"],
    ]  # fmt: skip


def test_what_cannot_be_written_to_is_known_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for name in ("temperature", "moods"):
        command = ["evaluate", name]
        command += [
            word for option in ("--checkpoints", "--corpus") for word in (option, str(tmp_path / "none"))
        ]
        for option in ("--save", "--output"):
            result = CliRunner().invoke(main, [*command, option, str(tmp_path / "file" / "result")])
            # Before it is known that there are no models, too.
            assert result.exit_code == 1, result.output
            assert str(tmp_path / "file") in result.stderr
        assert CliRunner().invoke(main, [*command, "--save", str(tmp_path)]).exit_code == 2
