"""``config.toml`` and the environment as one frozen, checked object.

Each table of the file is a model below, each key a field; a default is the value of the
committed example. Unknown keys are errors: a misspelled limit must not be no limit.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from model.conditioning import DEFAULT_STYLE, DEFAULT_TEMPERATURE, MAX_LINES, STYLES
from model.emoji import plain
from model.hub import check_name, check_revision
from model.text import fold, words

TOKEN, TOKEN_FILE = "DISCORD_TOKEN", "DISCORD_TOKEN_FILE"

# What people may ask for; the command line goes further.
MIN_TEMPERATURE, MAX_TEMPERATURE = 0.1, 1.2
# As many different reactions as Discord allows on a message.
_MAX_REACTIONS = 20
# A configuration is a page, a token a line: what is longer is another file.
_MAX_FILE, _MAX_TOKEN = 2**20, 1000
# A wrong value is quoted so far in an error.
_MAX_QUOTED = 60

# Unicode has no test for emoji; what Discord refuses beyond this, it refuses when the bot reacts.
_EMOJI = re.compile(r"<a?:\w{2,32}:\d{15,20}>|[0-9#*]\ufe0f?\u20e3|[^\x00-\x7f]{1,16}")
_PAGE = re.compile(r"https://[^\s<>]+")
_HOST = re.compile(r"[a-z0-9.-]+(:\d{1,5})?")

# Discord's ids; strict, as "12" and true are no ids.
Snowflake = Annotated[int, Field(strict=True, ge=1, lt=2**63)]
Seconds = Annotated[float, Field(ge=0.1, le=600)]
Count = Annotated[int, Field(ge=1, le=1_000_000)]
# What is shown in a sentence.
Line = Annotated[str, Field(min_length=1, max_length=200)]


class BadConfiguration(Exception):
    """One sentence: what is wrong in which file or variable, and what would be right."""


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _no_guessing(cls, value: Any, about: ValidationInfo) -> Any:
        """TOML has types: "2" and true are no numbers."""
        kind = cls.model_fields[str(about.field_name)].annotation
        if kind in (int, float) and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise ValueError("this must be a number")
        if kind is bool and not isinstance(value, bool):
            raise ValueError("this must be true or false")
        if kind in (Path, Path | None) and not _is_path(value):
            raise ValueError("this must be the path of a file or folder")
        return value


class Discord(_Table):
    """Where and how the bot appears."""

    picture_channels: Literal["all"] | tuple[Snowflake, ...] = ()
    message_content: bool = True
    reactions: tuple[str, ...] = ("👍", "👎")
    pictures_per_message: Annotated[int, Field(ge=1, le=10)] = 4
    owners: tuple[Snowflake, ...] = ()
    dev_guild: Snowflake | None = None

    @field_validator("picture_channels", mode="before")
    @classmethod
    def _all_or_some(cls, value: Any) -> Any:
        if value != "all" and not isinstance(value, list | tuple):
            raise ValueError('use "all" or a list of channel ids')
        return value

    @field_validator("reactions")
    @classmethod
    def _distinct(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len({*map(plain, value)}) != len(value) or not 2 <= len(value) <= _MAX_REACTIONS:
            raise ValueError(f"name 2 to {_MAX_REACTIONS} different reactions, the best first")
        if not all(_EMOJI.fullmatch(emoji) for emoji in value):
            raise ValueError('a reaction is an emoji such as "👍" or "<:name:123456789012345678>"')
        return value


class Lyrics(_Table):
    """What a stanza is like where nobody says otherwise."""

    temperature: Annotated[float, Field(ge=MIN_TEMPERATURE, le=MAX_TEMPERATURE)] = DEFAULT_TEMPERATURE
    lines: Annotated[int, Field(ge=1, le=MAX_LINES)] = MAX_LINES
    style: str = DEFAULT_STYLE

    @field_validator("style")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in STYLES:
            raise ValueError(f"use one of {', '.join(STYLES)}")
        return value


class Limits(_Table):
    """Who may ask how often, and how much may wait."""

    cooldown_seconds: Annotated[float, Field(ge=0, le=3600)] = 5.0
    user_per_day: Count = 200
    server_per_day: Count | None = None
    user_in_flight: Count = 2
    server_in_flight: Count = 50
    queue: Annotated[int, Field(ge=1, le=10_000)] = 100
    user_waiting: Annotated[int, Field(ge=1, le=100)] = 10
    server_waiting: Count = 200
    waiting: Annotated[int, Field(ge=1, le=10_000)] = 400
    catch_up_seconds: Annotated[float, Field(ge=0, le=3600)] = 900.0
    deadline_seconds: Seconds = 60.0


class Pictures(_Table):
    """What is accepted as a picture, and from where."""

    max_bytes: Annotated[int, Field(ge=1024, le=64 * 2**20)] = 8 * 2**20
    max_pixels: Annotated[int, Field(ge=10_000, le=50_000_000)] = 25_000_000
    hosts: tuple[str, ...] = (
        "cdn.discordapp.com",
        "media.discordapp.net",
        "images-ext-1.discordapp.net",
        "images-ext-2.discordapp.net",
    )
    connect_seconds: Seconds = 5.0
    total_seconds: Seconds = 15.0
    at_once: Annotated[int, Field(ge=1, le=64)] = 4
    in_flight_bytes: Annotated[int, Field(ge=1024, le=8 * 2**30)] = 32 * 2**20

    @field_validator("hosts")
    @classmethod
    def _bare(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value or not all(_HOST.fullmatch(host) for host in value):
            raise ValueError("list names of hosts in small letters, without https:// and without a path")
        return value


class Engine(_Table):
    """The worker processes."""

    workers: Literal["auto"] | Annotated[int, Field(strict=True, ge=1, le=64)] = "auto"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    max_batch: Annotated[int, Field(ge=1, le=64)] = 4
    max_wait_ms: Annotated[float, Field(ge=0, le=1000)] = 10.0
    hard_seconds: Seconds = 30.0
    checkpoints: Path | None = None

    @field_validator("workers", mode="before")
    @classmethod
    def _auto_or_some(cls, value: Any) -> Any:
        if value != "auto" and (isinstance(value, bool) or not isinstance(value, int)):
            raise ValueError('use "auto" or a number')
        return value


class Eye(_Table):
    """What looks at pictures beside the captioner that ships."""

    text: bool = False
    model: str | None = None
    revision: Annotated[str | None, Field(validate_default=True)] = None

    @field_validator("model")
    @classmethod
    def _named(cls, value: str | None) -> str | None:
        if value is not None:
            check_name(value)
        return value

    @field_validator("revision")
    @classmethod
    def _pinned(cls, value: str | None, about: ValidationInfo) -> str | None:
        if (model := about.data.get("model")) is not None:
            check_revision(model, value)
        return value


class Filter(_Table):
    """Words that no stanza may contain, beyond the list that ships."""

    enabled: bool = True
    words: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()
    attempts: Annotated[int, Field(ge=1, le=10)] = 3

    @field_validator("words", "allowed")
    @classmethod
    def _single(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        """Stanzas are compared word by word, in plain Latin letters."""
        if not all(map(is_word, value)):
            raise ValueError("list single words in Latin letters, without spaces and digits")
        return value


class Store(_Table):
    """The database, and how long rows are kept."""

    path: Path = Path("songwriter.sqlite3")
    keep_outputs_days: Count = 365
    keep_jobs_days: Count = 30
    keep_left_days: Count = 30
    backups: Path | None = None


class Log(_Table):
    """What is logged, and how."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["text", "json"] = "text"


class Health(_Table):
    """The small HTTP server for probes and metrics."""

    enabled: bool = False
    # Not "": that would be every address of the machine.
    host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8080


class Host(_Table):
    """Who runs the bot, as people are told."""

    name: Line | None = None
    contact: Line | None = None
    privacy: Line | None = None

    @field_validator("name", "contact")
    @classmethod
    def _one_line(cls, value: str | None) -> str | None:
        if value is not None and not value.isprintable():
            raise ValueError("write it on one line")
        return value

    @field_validator("privacy")
    @classmethod
    def _address(cls, value: str | None) -> str | None:
        if value is not None and not _PAGE.fullmatch(value):
            raise ValueError("give the address of a page, with https://")
        return value


class Config(_Table):
    """Everything that can be set."""

    discord: Discord = Discord()
    lyrics: Lyrics = Lyrics()
    limits: Limits = Limits()
    pictures: Pictures = Pictures()
    engine: Engine = Engine()
    eye: Eye = Eye()
    filter: Filter = Filter()
    store: Store = Store()
    log: Log = Log()
    health: Health = Health()
    host: Host = Host()


def load_config(path: Path) -> Config:
    """Read a configuration file; its paths are relative to it.

    Raises:
        BadConfiguration: the file is missing, is no TOML, or has a key or value that is wrong.
    """
    try:
        config = parse(tomllib.loads(_read(path, _MAX_FILE)))
    except OSError as error:
        raise BadConfiguration(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        # Not only TOMLDecodeError: other bytes than UTF-8, numbers of 5,000 digits, deep nesting.
        raise BadConfiguration(f"{path} is not valid TOML: {error}.") from error
    except BadConfiguration as error:
        raise BadConfiguration(f"{path}: {error}") from error
    return _relative_to(config, path.absolute().parent)


def parse(tables: Mapping[str, Any]) -> Config:
    """Tables of a TOML file -> a checked configuration, paths as they stand.

    Raises:
        BadConfiguration: a key is unknown, or a value of the wrong type or out of range.
    """
    try:
        return Config.model_validate(tables)
    except ValidationError as error:
        raise BadConfiguration(_sentence(error)) from error


def dump(config: Config) -> str:
    """A configuration as TOML that `parse` reads back as the same one; unset keys are comments."""
    lines = []
    for name, table in config:
        lines += ["", f"[{name}]"]
        for key, value in table.model_dump(mode="json").items():
            lines.append(f"# {key} is not set" if value is None else f"{key} = {_toml(value)}")
    return "\n".join(lines[1:])


def token(environment: Mapping[str, str] = os.environ) -> str:
    """The bot's token, from ``DISCORD_TOKEN`` or the file that ``DISCORD_TOKEN_FILE`` names.

    Raises:
        BadConfiguration: neither is set, the file cannot be read, or what it holds is no token.
            The sentence names neither the token nor the file: some set one for the other.
    """
    found, source = environment.get(TOKEN, "").strip(), TOKEN
    if not found:
        if not (name := environment.get(TOKEN_FILE, "")):
            raise BadConfiguration(
                f"There is no token: set {TOKEN}, or {TOKEN_FILE} to a file that holds it."
            )
        source = f"The file that {TOKEN_FILE} names"
        try:
            found = _read(Path(name), _MAX_TOKEN).strip()
        except (OSError, ValueError):
            raise BadConfiguration(f"{source} cannot be read, or is not a token's.") from None
    if not found:
        raise BadConfiguration(f"{source} is empty.")
    # It becomes part of an HTTP header.
    if not (found.isascii() and found.isprintable()) or " " in found:
        raise BadConfiguration(f"{source} holds no token: copy it anew from the developer portal.")
    return found


def _read(path: Path, limit: int) -> str:
    """A text file of at most ``limit`` bytes; a ``ValueError`` where it is not."""
    with path.open("rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise ValueError(f"it has more than {limit} bytes")
    # Windows' editors begin a file with a mark of its encoding.
    return data.decode("utf-8-sig")


def _is_path(value: Any) -> bool:
    return value is None or bool(
        str(value).strip() and "\0" not in str(value) and isinstance(value, str | Path)
    )


def is_word(text: str) -> bool:
    """Whether all of a text makes one folded word, with apostrophes and hyphens only inside."""
    folded = fold(text)
    whole = all(fold(character) for character in unicodedata.normalize("NFC", text) if character not in "'’")
    return whole and words(folded) == [folded]


def _sentence(error: ValidationError) -> str:
    """The first of pydantic's complaints as one sentence that names the key."""
    # Of a union's complaints, the last is that of its last member: here always the longer one.
    first = error.errors()[0]
    key = ".".join(str(step) for step in first["loc"][:2])
    first = [one for one in error.errors() if one["loc"][:2] == first["loc"][:2]][-1]
    if first["type"] == "extra_forbidden":
        table = Config.model_fields.get(str(first["loc"][0]))
        kind = table.annotation if table else Config
        known = ", ".join(kind.model_fields)  # type: ignore[union-attr]
        return f"{key} is not a known {'key' if table else 'table'}: use one of {known}."
    if first["type"] == "model_type":
        return f"{key} is a table: write its keys below [{key}]."
    complaint = first["msg"].removeprefix("Value error, ").replace("Input should", "this should")
    return f"{key}: {complaint[:1].lower()}{complaint[1:]}, not {_quoted(first['input'])}."


def _quoted(value: object) -> str:
    text = _toml(value)
    return text if len(text) <= _MAX_QUOTED else text[:_MAX_QUOTED] + "…"


def _toml(value: object) -> str:
    """A value as TOML writes it; what TOML has and JSON has not, such as dates, as text."""
    return json.dumps(value, ensure_ascii=False, default=str).replace("\x7f", "\\u007f")


def _relative_to(config: Config, folder: Path) -> Config:
    """Paths as they stand -> paths from a folder."""

    def absolute(path: Path | None) -> Path | None:
        return None if path is None else folder / path

    store = config.store.model_copy(
        update={"path": absolute(config.store.path), "backups": absolute(config.store.backups)}
    )
    engine = config.engine.model_copy(update={"checkpoints": absolute(config.engine.checkpoints)})
    return config.model_copy(update={"store": store, "engine": engine})
