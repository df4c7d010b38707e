"""What holds in a server: its own settings where it has any, the configuration's otherwise."""

from __future__ import annotations

from dataclasses import dataclass

from bot.config import Config
from bot.store import Store


@dataclass(frozen=True)
class Preferences:
    """Settings in force in one place.

    Attributes:
        everywhere: pictures are answered in every channel.
        channels: ids of those where they are, otherwise.
        temperature: of a stanza, where nobody says.
        cooldown: seconds between two requests of one person.
        reactions: those that rate, the best first.
        ratings: whether reactions are set and counted.
    """

    everywhere: bool
    channels: frozenset[int]
    temperature: float
    cooldown: float
    reactions: tuple[str, ...]
    ratings: bool


async def preferences_of(server: int | None, store: Store, config: Config) -> Preferences:
    """The settings in force in a server, or in direct messages (None)."""
    here = config.discord.picture_channels
    everywhere, channels = here == "all", frozenset(() if here == "all" else here)
    plain = Preferences(
        everywhere or server is None,
        channels,
        config.lyrics.temperature,
        config.limits.cooldown_seconds,
        config.discord.reactions,
        ratings=True,
    )
    if server is None:
        return plain
    own = await store.settings(server)
    return Preferences(
        everywhere,
        channels | set(own.channels),
        plain.temperature if own.temperature is None else own.temperature,
        plain.cooldown if own.cooldown is None else own.cooldown,
        own.reactions or plain.reactions,
        own.ratings,
    )
