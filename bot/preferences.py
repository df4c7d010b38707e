"""What holds in a server: its own settings where it has any, the configuration's otherwise."""

from __future__ import annotations

from dataclasses import dataclass

from bot.config import Config
from bot.store import ServerSettings, Store
from bot.wordfilter import with_plurals


@dataclass(frozen=True)
class Preferences:
    """Settings in force in one place.

    Attributes:
        everywhere: pictures are answered in every channel that is not excluded.
        channels: ids of those where they are, otherwise.
        temperature, mood, style, lines, scheme: of a stanza, where nobody says.
        cooldown: seconds between two requests of one person.
        reactions: those that rate, the best first.
        per_day: songs a day for everybody there; None for no limit.
        words: folded words that no song contains, beyond the configuration's.
        own: what was chosen there, for all that only a server decides; see ``ServerSettings``.
    """

    everywhere: bool
    channels: frozenset[int]
    temperature: float
    mood: str | None
    style: str
    lines: int
    scheme: str | None
    cooldown: float
    reactions: tuple[str, ...]
    per_day: int | None
    words: frozenset[str]
    own: ServerSettings

    def listens(self, channel: int, parent: int | None) -> bool:
        """Whether pictures are answered in a channel, or in a thread of its parent; what is closer counts."""
        for one in (channel, parent):
            if one in self.own.excluded:
                return False
            if one in self.channels:
                return True
        return self.everywhere


async def preferences_of(server: int | None, store: Store, config: Config) -> Preferences:
    """The settings in force in a server, or in direct messages (None)."""
    own = ServerSettings() if server is None else await store.settings(server)
    return in_force(server, own, config)


def in_force(server: int | None, own: ServerSettings, config: Config) -> Preferences:
    """The same, of a server's own settings that are known already."""
    here, lyrics = config.discord.picture_channels, config.lyrics
    everywhere, channels = here == "all", frozenset(() if here == "all" else here)
    limits = [one for one in (own.per_day, config.limits.server_per_day) if one is not None]
    return Preferences(
        everywhere=everywhere or server is None,
        channels=channels | set(own.channels),
        temperature=lyrics.temperature if own.temperature is None else own.temperature,
        mood=own.mood,
        style=own.style or lyrics.style,
        lines=own.lines or lyrics.lines,
        scheme=own.scheme,
        cooldown=config.limits.cooldown_seconds if own.cooldown is None else own.cooldown,
        reactions=own.reactions or config.discord.reactions,
        per_day=None if server is None else min(limits, default=None),
        words=with_plurals(own.words),
        own=own,
    )
