"""NLTK's corpora, fetched from a server of our own by NLTK's own downloader."""

import hashlib
import io
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import nltk.data
import pytest
from click.testing import CliRunner, Result

from bot.cli.prepare import nltk as command
from training.collecting.nltk_data import CORPORA, default_folder


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


def archive(name: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        file.writestr(f"{name}/README", f"a very small {name}")
    return packed.getvalue()


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    folder.mkdir()
    return folder


@pytest.fixture
def server(site: Path) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site))) as http:
        # By default it looks every half second whether it is to end.
        threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without NLTK data."""
    monkeypatch.setattr(nltk.data, "path", [])
    monkeypatch.delenv("NLTK_DATA", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    # NLTK asks no machine of the own network; ours is one.
    monkeypatch.setattr("nltk.pathsec._ip_is_forbidden", lambda ip: False, raising=False)


def publish(site: Path, address: str, names: tuple[str, ...] = CORPORA) -> str:
    packages = []
    for name in names:
        data = archive(name)
        (site / f"{name}.zip").write_bytes(data)
        size = len(f"a very small {name}")
        digest = hashlib.sha256(data).hexdigest()
        packages.append(
            f'<package id="{name}" name="{name}" subdir="corpora" unzip="0" size="{len(data)}" '
            f'unzipped_size="{size}" url="{address}/{name}.zip" sha256_checksum="{digest}"/>'
        )
    (site / "index.xml").write_text(
        f"<nltk_data><packages>{''.join(packages)}</packages><collections/></nltk_data>"
    )
    return f"{address}/index.xml"


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(command, [str(word) for word in words])


def test_the_corpora_come_into_the_users_own_folder(site: Path, server: str, tmp_path: Path) -> None:
    result = run("--index-url", publish(site, server))
    assert result.exit_code == 0, result.output
    folder = tmp_path / "home" / "songwriter" / "nltk_data"
    assert {path.name for path in (folder / "corpora").glob("*.zip")} == {f"{name}.zip" for name in CORPORA}
    assert str(folder) in result.stderr


def test_what_is_here_is_not_fetched_again(site: Path, server: str, tmp_path: Path) -> None:
    index = publish(site, server)
    assert run("--folder", tmp_path / "n", "--index-url", index).exit_code == 0
    for path in site.iterdir():
        path.unlink()
    again = run("--folder", tmp_path / "n", "--index-url", index)
    assert again.exit_code == 0
    assert "already here" in again.stderr


def test_nltk_data_names_the_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NLTK_DATA", f"{tmp_path / 'first'}:{tmp_path / 'second'}")
    assert default_folder() == tmp_path / "first"


def test_a_server_that_is_away_gets_one_sentence(tmp_path: Path) -> None:
    result = run("--folder", tmp_path / "n", "--index-url", "http://127.0.0.1:9/index.xml")
    assert result.exit_code == 69
    said = [line for line in result.stderr.splitlines() if line.strip()]
    assert len(said) == 1
    assert "NLTK_DATA" in said[0]
    assert not list((tmp_path / "n").rglob("*.zip"))


@pytest.mark.parametrize("harm", ["missing", "damaged"])
def test_a_corpus_that_cannot_be_had(site: Path, server: str, tmp_path: Path, harm: str) -> None:
    index = publish(site, server)
    if harm == "missing":
        (site / "words.zip").unlink()
    else:
        (site / "words.zip").write_bytes(b"not what the index says")
    result = run("--folder", tmp_path / "n", "--index-url", index)
    assert result.exit_code == 69, result.output
    assert "words" in result.stderr
    assert not (tmp_path / "n" / "corpora" / "words.zip").exists()


def test_a_folder_that_cannot_be_made(site: Path, server: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = run("--folder", tmp_path / "file" / "n", "--index-url", publish(site, server))
    assert result.exit_code == 1
    assert str(tmp_path / "file") in result.stderr


def test_nothing_is_loaded_at_import() -> None:
    script = "import bot.cli.prepare, training.collecting.nltk_data, sys; sys.exit('nltk' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
