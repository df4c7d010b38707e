"""What goes into the database and comes out of it."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

# 72 bits: nobody guesses an id, and it leaves most of a custom_id's 100 characters free.
_ID_BYTES = 9
_ID = re.compile("[A-Za-z0-9_-]{12}")


def new_id() -> str:
    """A random name for an output: 12 characters of ``[A-Za-z0-9_-]``."""
    return secrets.token_urlsafe(_ID_BYTES)


def is_id(text: str) -> bool:
    """Whether a text has the form of what ``new_id`` gives."""
    return _ID.fullmatch(text) is not None


@dataclass(frozen=True)
class ServerSettings:
    """What a server's managers chose; None stands for the configuration's value.

    Attributes:
        channels: ids of the channels in which pictures are answered.
        temperature: 0.1 to 1.2.
        cooldown: seconds between two requests of one person.
        reactions: ratings, the best first.
        ratings: whether replies can be rated.
    """

    channels: tuple[int, ...] = ()
    temperature: float | None = None
    cooldown: float | None = None
    reactions: tuple[str, ...] | None = None
    ratings: bool = True


@dataclass(frozen=True)
class Output:
    """A stanza that was posted, with everything needed to judge it and to write it again.

    Attributes:
        id: see `new_id`.
        user: who asked for it.
        server: where, None in a direct message. Only a keyed hash of it is stored, so it is
            None in every output that is read back.
        channel: None until the reply is posted, as is ``message``.
        message: the reply.
        caption: what the captioner saw, None without a picture.
        keywords: lemmas that steered the stanza.
        lines: as they were shown.
        prompt: what the stanza had to start with, "" for nothing.
        style: one of ``model.conditioning.STYLES``.
        mood: one of ``model.mood.MOODS``, as asked or as a picture gave it, or None.
        line_count: how many lines were asked for.
        temperature: 0.1 to 1.2.
        seed: 0 to 2**32 - 1.
        captioner: digest of the captioner's checkpoint, "" without a picture.
        generator: digest of the generator's checkpoint.
        created: seconds since 1970.
        author: who posted the pictures, None without one.
        recipe: see ``model.recipe``; None for those from before there were any.
    """

    id: str
    user: int
    server: int | None
    channel: int | None
    message: int | None
    caption: str | None
    keywords: tuple[str, ...]
    lines: tuple[str, ...]
    prompt: str
    style: str
    mood: str | None
    line_count: int
    temperature: float
    seed: int
    captioner: str
    generator: str
    created: float
    author: int | None = None
    recipe: str | None = None


# Columns, and the keys of exports, that are not called as the fields are.
COLUMNS = {"prompt": "seed", "seed": "random_seed"}


@dataclass(frozen=True)
class JobRecord:
    """A request and how it went, without its content.

    Attributes:
        id: the request's id, as in the log.
        user: who asked.
        kind: what was asked for ("picture", "lyrics", …).
        status: how it ended ("done", "busy", …).
        created: seconds since 1970.
        seconds: how long each stage took.
    """

    id: str
    user: int
    kind: str
    status: str
    created: float
    seconds: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Tally:
    """How much was written, and how it was liked.

    Attributes:
        songs: outputs that are kept.
        ratings: how often each reaction was given, counted once a person and output, without
            self-ratings and bots'.
    """

    songs: int
    ratings: Mapping[str, int]


@dataclass(frozen=True)
class Stats:
    """The tallies of one server and of all."""

    here: Tally
    everywhere: Tally
