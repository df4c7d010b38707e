"""Fixtures that several rooms share."""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from model.lyrics_generator import LyricsGenerator
    from training.corpora.rhymes import Rhymes
    from training.evaluation.verse import Dictionary

ROOT = Path(__file__).parent.parent
# One thread a test process: the machines that run this are small and shared.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Of the many processes that tests start, the first one compiles the program for all.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# The same examples in every run, so that a red run is about the change at hand, and not too many of
# them; HYPOTHESIS_PROFILE=search looks for new ones. None has a deadline: the machine may be busy.
settings.register_profile("repeatable", derandomize=True, print_blob=True, deadline=None, max_examples=50)
settings.register_profile("search", print_blob=True, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))


# The longest files, longest first.
LONGEST = (
    "test_walkthrough.py",
    "test_loopback.py",
    "test_trainers.py",
    "test_reader.py",
    "test_processes.py",
    "test_black_box.py",
    "test_captions.py",
    "test_signals.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files come first: two processes that share the files end at about the same time."""
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.name, len(LONGEST)))


def real_data() -> Path | None:
    """The folder with Flickr8k and the songs, where this machine has it."""
    folder = Path(os.environ.get("SONGWRITER_DATA", ROOT.parent / "shared" / "data"))
    return folder if (folder / "flickr8k").is_dir() else None


@pytest.fixture
def data() -> Path:
    folder = real_data()
    if folder is None:
        pytest.skip("real data is not here: set SONGWRITER_DATA to the folder that holds flickr8k/")
    return folder


@pytest.fixture(scope="session")
def nltk_data() -> None:
    """NLTK's word lists, from the real data or from where NLTK looks."""
    import nltk.data

    from training.collecting.nltk_data import default_folder, missing

    folder = real_data()
    if folder is not None:
        nltk.data.path.append(str(folder / "nltk"))
    absent = missing(default_folder())
    if absent:
        pytest.skip(f"NLTK's {', '.join(absent)} are not here: run `songwriter data nltk`")


@pytest.fixture(scope="session")
def dictionary(nltk_data: None) -> Dictionary:
    from training.evaluation.verse import Dictionary

    return Dictionary()


@pytest.fixture(scope="session")
def rhymes(nltk_data: None) -> Rhymes:
    from training.corpora.rhymes import Rhymes

    return Rhymes()


@pytest.fixture(scope="module")
def word_lists_read_once(dictionary: Dictionary, rhymes: Rhymes) -> Iterator[None]:
    """For tests of commands, each of which reads NLTK's word lists, which takes seconds."""
    with pytest.MonkeyPatch.context() as patch:
        for made in (dictionary, rhymes):
            patch.setattr(type(made), "__init__", lambda self, made=made: vars(self).update(vars(made)))
        yield


@pytest.fixture(scope="session")
def checkpoints() -> Path:
    return ROOT / "data" / "checkpoints"


@functools.cache
def _models_once() -> dict[type, Callable[..., Any]]:
    """A loader for each kind of models, that keeps what it made of the shipped folder and of no other."""
    from model.files import CHECKPOINTS
    from model.image_describer import ImageDescriber
    from model.lyrics_generator import LyricsGenerator

    def once(load: Callable[..., Any]) -> Callable[..., Any]:
        signature, kept = inspect.signature(load), functools.cache(load)

        def loaded(*args: Any, **kwargs: Any) -> Any:
            asked = signature.bind(*args, **kwargs)
            # However it is asked for: with a default or without it.
            asked.apply_defaults()
            reader = kept if asked.arguments["folder"] == CHECKPOINTS else load
            return reader(*asked.args, **asked.kwargs)

        return loaded

    return {kind: once(kind.load) for kind in (LyricsGenerator, ImageDescriber)}


@pytest.fixture(scope="module")
def models_read_once() -> Iterator[None]:
    """For tests of commands: reading the models takes longer than most of these, and none changes them."""
    with pytest.MonkeyPatch.context() as patch:
        for kind, load in _models_once().items():
            patch.setattr(kind, "load", load)
        yield


@pytest.fixture(scope="session")
def lyrics_generator() -> LyricsGenerator:
    """The shipped one, that which commands get with ``models_read_once``."""
    from model.lyrics_generator import LyricsGenerator

    made: LyricsGenerator = _models_once()[LyricsGenerator]()
    return made


@pytest.fixture
def undrawn_curves(monkeypatch: pytest.MonkeyPatch) -> None:
    """For short runs, which would draw for longer than they learn; ``test_records`` looks at the picture."""
    from training.loops.curves import Curves

    monkeypatch.setattr(Curves, "_draw", lambda _self: None)


@pytest.fixture(scope="session")
def photograph() -> Path:
    """A real photograph that scikit-image ships."""
    import skimage

    return Path(skimage.__file__).parent / "data" / "astronaut.png"
