"""``config.toml`` and the environment as one frozen, checked object.

Each table of the file is a model below, each key a field; a default is the value of the
committed example. Unknown keys are errors: a misspelled limit must not be no limit.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from model.steering import MAX_LINES, STYLES

TOKEN, TOKEN_FILE = "DISCORD_TOKEN", "DISCORD_TOKEN_FILE"

# As many different reactions as Discord allows on a message.
_MAX_REACTIONS = 20

Seconds = Annotated[float, Field(ge=0.1, le=600)]
Count = Annotated[int, Field(ge=1, le=1_000_000)]


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
        return value


class Discord(_Table):
    """Where and how the bot appears."""

    picture_channels: Literal["all"] | tuple[int, ...] = ()
    message_content: bool = True
    reactions: tuple[str, ...] = ("👍", "👎")
    pictures_per_message: Annotated[int, Field(ge=1, le=10)] = 4
    owners: tuple[int, ...] = ()
    dev_guild: int | None = None

    @field_validator("reactions")
    @classmethod
    def _distinct(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(value)) != len(value) or not 2 <= len(value) <= _MAX_REACTIONS:
            raise ValueError(f"name 2 to {_MAX_REACTIONS} different reactions, the best first")
        return value


class Lyrics(_Table):
    """What a stanza is like where nobody says otherwise."""

    temperature: Annotated[float, Field(ge=0.1, le=1.2)] = 0.4
    lines: Annotated[int, Field(ge=1, le=MAX_LINES)] = MAX_LINES
    style: str = "song"

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
    user_in_flight: Count = 2
    server_in_flight: Count = 16
    queue: Annotated[int, Field(ge=1, le=10_000)] = 100
    deadline_seconds: Seconds = 60.0


class Pictures(_Table):
    """What is accepted as a picture, and from where."""

    max_bytes: Annotated[int, Field(ge=1024, le=64 * 2**20)] = 8 * 2**20
    max_pixels: Annotated[int, Field(ge=10_000, le=50_000_000)] = 25_000_000
    hosts: tuple[str, ...] = ("cdn.discordapp.com", "media.discordapp.net")
    connect_seconds: Seconds = 5.0
    total_seconds: Seconds = 15.0
    at_once: Annotated[int, Field(ge=1, le=64)] = 4


class Engine(_Table):
    """The worker processes."""

    workers: Annotated[int, Field(ge=1, le=64)] = 1
    device: Literal["auto", "cpu", "cuda"] = "auto"
    max_batch: Annotated[int, Field(ge=1, le=64)] = 4
    max_wait_ms: Annotated[float, Field(ge=0, le=1000)] = 10.0
    hard_seconds: Seconds = 30.0
    checkpoints: Path | None = None


class Filter(_Table):
    """Words that no stanza may contain, beyond the list that ships."""

    enabled: bool = True
    words: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()
    attempts: Annotated[int, Field(ge=1, le=10)] = 3


class Store(_Table):
    """The database, and how long rows are kept."""

    path: Path = Path("songwriter.sqlite3")
    keep_outputs_days: Count = 365
    keep_jobs_days: Count = 30
    backups: Path | None = None


class Log(_Table):
    """What is logged, and how."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["text", "json"] = "text"


class Health(_Table):
    """The small HTTP server for probes and metrics."""

    enabled: bool = False
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8080


class Config(_Table):
    """Everything that can be set."""

    discord: Discord = Discord()
    lyrics: Lyrics = Lyrics()
    limits: Limits = Limits()
    pictures: Pictures = Pictures()
    engine: Engine = Engine()
    filter: Filter = Filter()
    store: Store = Store()
    log: Log = Log()
    health: Health = Health()


def load_config(path: Path) -> Config:
    """Read a configuration file; its paths are relative to it.

    Raises:
        BadConfiguration: the file is missing, is no TOML, or has a key or value that is wrong.
    """
    try:
        config = parse(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise BadConfiguration(f"{path} cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
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


def token(environment: Mapping[str, str] = os.environ) -> str:
    """The bot's token, from ``DISCORD_TOKEN`` or the file that ``DISCORD_TOKEN_FILE`` names.

    Raises:
        BadConfiguration: neither is set, or the file cannot be read or is empty.
    """
    if found := environment.get(TOKEN, "").strip():
        return found
    if not (name := environment.get(TOKEN_FILE, "")):
        raise BadConfiguration(f"There is no token: set {TOKEN}, or {TOKEN_FILE} to a file that holds it.")
    try:
        found = Path(name).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadConfiguration(f"{TOKEN_FILE}: {name} cannot be read.") from error
    if not found:
        raise BadConfiguration(f"{TOKEN_FILE}: {name} is empty.")
    return found


def _sentence(error: ValidationError) -> str:
    """The first of pydantic's complaints as one sentence that names the key."""
    first = error.errors()[0]
    # Members of a union and items of a list add steps to the path that say nothing in a file.
    key = ".".join(str(step) for step in first["loc"][:2])
    if first["type"] == "extra_forbidden":
        table = Config.model_fields.get(str(first["loc"][0]))
        kind = table.annotation if table else Config
        known = ", ".join(kind.model_fields)  # type: ignore[union-attr]
        return f"{key} is not a known {'key' if table else 'table'}: use one of {known}."
    complaint = first["msg"].removeprefix("Value error, ")
    return f"{key}: {complaint[:1].lower()}{complaint[1:]}, not {first['input']!r}."


def _relative_to(config: Config, folder: Path) -> Config:
    """Paths as they stand -> paths from a folder."""

    def absolute(path: Path | None) -> Path | None:
        return None if path is None else folder / path

    store = config.store.model_copy(
        update={"path": absolute(config.store.path), "backups": absolute(config.store.backups)}
    )
    engine = config.engine.model_copy(update={"checkpoints": absolute(config.engine.checkpoints)})
    return config.model_copy(update={"store": store, "engine": engine})
