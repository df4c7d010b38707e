"""What holds in a server: its own settings where it has any, the configuration's otherwise."""

from __future__ import annotations

from dataclasses import dataclass

from bot.config import Config
from bot.store import ServerSettings, Store


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
    own = ServerSettings() if server is None else await store.settings(server)
    return in_force(server, own, config)


def in_force(server: int | None, own: ServerSettings, config: Config) -> Preferences:
    """The same, of a server's own settings that are known already."""
    here = config.discord.picture_channels
    everywhere, channels = here == "all", frozenset(() if here == "all" else here)
    return Preferences(
        everywhere or server is None,
        channels | set(own.channels),
        config.lyrics.temperature if own.temperature is None else own.temperature,
        config.limits.cooldown_seconds if own.cooldown is None else own.cooldown,
        own.reactions or config.discord.reactions,
        own.ratings,
    )
