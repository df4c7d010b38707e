"""What goes into the database and comes out of it."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

# 72 bits: nobody guesses an id, and it leaves most of a custom_id's 100 characters free.
_ID_BYTES = 9
_ID = re.compile("[A-Za-z0-9_-]{12}")

# Songs about spoilers are hidden as those are, or there are none.
SPOILER_RULES = HIDE, SKIP = "hide", "skip"
# When pictures are answered where the bot listens.
ANSWERS = ALWAYS, MENTIONED = "always", "mentioned"
# Who may press the buttons under a song; moderators may in any case.
PRESSERS = EVERYBODY, ASKER = "everybody", "asker"


def new_id() -> str:
    """A random name for an output: 12 characters of ``[A-Za-z0-9_-]``."""
    return secrets.token_urlsafe(_ID_BYTES)


def is_id(text: str) -> bool:
    """Whether a text has the form of what ``new_id`` gives."""
    return _ID.fullmatch(text) is not None


@dataclass(frozen=True)
class ServerSettings:
    """What a server's managers chose; None stands for the configuration's value, else a default for none.

    Attributes:
        channels: ids of the channels in which pictures are answered, also in their threads.
        temperature: 0.1 to 1.2.
        cooldown: seconds between two requests of one person.
        reactions: ratings, the best first.
        ratings: whether replies can be rated.
        spoilers: what happens to pictures that are hidden: one of `SPOILER_RULES`.
        age_restricted: whether pictures are answered in age-restricted channels.
        proxies: whether pictures are answered that webhooks post, as PluralKit's do.
        excluded: ids of channels and threads in which they are not, whatever the configuration says.
        allowed_roles: ids of roles of which somebody needs one to get songs; none: nobody does.
        barred_roles: ids of roles whose members get none.
        mood: of songs where nobody says: one of ``model.mood.MOODS``, ``PICTURE`` or ``NONE``.
        style: likewise; one of ``model.conditioning.STYLES``.
        lines: likewise; 1 to 4.
        scheme: likewise; one of ``model.rhyme.SCHEMES``.
        answer: one of `ANSWERS`.
        quiet_line: whether a line under a song says what was seen, and how to have it again.
        words: folded words that no song contains, beyond those of the configuration.
        threads: whether songs about pictures are posted in a thread.
        buttons: one of `PRESSERS`.
        per_day: songs a day for everybody together.
    """

    channels: tuple[int, ...] = ()
    temperature: float | None = None
    cooldown: float | None = None
    reactions: tuple[str, ...] | None = None
    ratings: bool = True
    spoilers: str = HIDE
    age_restricted: bool = False
    proxies: bool = False
    excluded: tuple[int, ...] = ()
    allowed_roles: tuple[int, ...] = ()
    barred_roles: tuple[int, ...] = ()
    mood: str | None = None
    style: str | None = None
    lines: int | None = None
    scheme: str | None = None
    answer: str = ALWAYS
    quiet_line: bool = True
    words: tuple[str, ...] = ()
    threads: bool = False
    buttons: str = EVERYBODY
    per_day: int | None = None

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The choices that ``to_json`` wrote; what is not chosen, or no longer known, is left out."""
        known: dict[str, Any] = {one.name: one.default for one in fields(cls)}
        chosen = {name: value for name, value in json.loads(text).items() if name in known}
        lists = {name: tuple(value) for name, value in chosen.items() if isinstance(value, list)}
        return cls(**chosen | lists)

    def to_json(self) -> str:
        """The choices that differ from the defaults."""
        plain = asdict(type(self)())
        return json.dumps({name: value for name, value in asdict(self).items() if value != plain[name]})


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
        spoiler: whether it is about a picture that is hidden until somebody presses it.
        private: whether only who asked for it sees it.
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
    spoiler: bool = False
    private: bool = False


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
