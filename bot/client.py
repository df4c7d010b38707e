"""The discord.py bot and its command tree, errors included."""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import dataclass
from typing import Any

import discord
from discord import app_commands
from discord.ext import commands

from bot.config import Config
from bot.language import Translator
from bot.limits import ButtonCooldown
from bot.ops.log import request_id
from bot.parsing import guard, log_skipped
from bot.prompt_words import PromptWords
from bot.songs import Songs
from bot.store import Store, new_id
from bot.ui.buttons import LineMenu, SongButton
from bot.ui.error_replies import report
from bot.ui.posting import Poster
from bot.ui.refusals import Refusal
from model.sentence import say

_log = logging.getLogger(__name__)

_TREE_HASH = "command_tree"
_ODD = say(
    "I cannot make sense of what Discord told me about that: try it once more, perhaps in another way."
)


@dataclass(frozen=True)
class Resources:
    """What the cogs work with; made and closed by the composition root."""

    config: Config
    store: Store
    songs: Songs
    prompt_words: PromptWords


class SongwriterBot(commands.AutoShardedBot):
    """Neural Songwriter on Discord.

    Args:
        resources: what the cogs work with.
        message_content: ask for that privileged intent.
        client_kwargs: for ``discord.Client``, such as a connector.
    """

    def __init__(self, resources: Resources, *, message_content: bool, **client_kwargs: Any) -> None:
        # No warnings that libraries for voice are missing.
        discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False
        super().__init__(
            command_prefix=commands.when_mentioned,
            help_command=None,
            intents=intents(message_content),
            tree_cls=Tree,
            allowed_mentions=discord.AllowedMentions.none(),
            allowed_installs=app_commands.AppInstallationType(guild=True, user=True),
            allowed_contexts=app_commands.AppCommandContext(
                guild=True, dm_channel=True, private_channel=True
            ),
            owner_ids=set(resources.config.discord.owners) or None,
            # Nothing of members is needed, and messages are handled as they come.
            chunk_guilds_at_startup=False,
            member_cache_flags=discord.MemberCacheFlags.none(),
            max_messages=None,
            **client_kwargs,
        )
        guard(self._connection.parsers)
        self.resources = resources
        self.store, self.songs = resources.store, resources.songs
        self.poster = Poster(resources.store, resources.config)
        self.button_cooldown = ButtonCooldown()
        self.stopping = False
        self._translator = Translator()
        # The id of a message of this moment.
        self.began = discord.utils.time_snowflake(discord.utils.utcnow())

    async def setup_hook(self) -> None:
        from bot.cogs import every_cog

        for cog in every_cog(self):
            await self.add_cog(cog)
        self.add_dynamic_items(SongButton, LineMenu)
        await self.tree.set_translator(self._translator)
        try:
            await self.sync_if_changed()
        except discord.HTTPException as error:
            # Pictures are answered all the same; the next start tries again.
            _log.error("commands not registered: Discord says %d (%d)", error.status, error.code)

    async def sync_if_changed(self, *, force: bool = False) -> bool:
        """Register the commands with Discord if they differ from those registered last.

        Discord allows 200 creations a day: a bot that is restarted in a loop must not use them up.
        """
        server = self.resources.config.discord.dev_guild
        guild, key = None, _TREE_HASH
        if server is not None:
            guild, key = discord.Object(server), f"{_TREE_HASH} {server}"
            self.tree.copy_global_to(guild=guild)
        known = self.tree._get_all_commands()
        found = [await one.get_translated_payload(self.tree, self._translator) for one in known]
        digest = hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()
        if not force and await self.store.get(key) == f"{self.application_id} {digest}":
            return False
        await self.tree.sync(guild=guild)
        await self.store.put(key, f"{self.application_id} {digest}")
        _log.info("commands registered")
        return True

    async def on_ready(self) -> None:
        """All shards are there; servers may have removed the bot while it was away."""
        left = await self._note_servers()
        _log.info("ready as %s in %d servers", self.user and self.user.id, len(self.guilds))
        if left:
            _log.info("no longer in %d servers", left)

    async def on_guild_join(self, _guild: discord.Guild) -> None:
        await self._note_servers()

    async def on_guild_remove(self, _guild: discord.Guild) -> None:
        await self._note_servers()

    async def _note_servers(self) -> int:
        """Note where the bot is, once all servers are known; how many it is no longer in."""
        return await self.store.note_servers({guild.id for guild in self.guilds}) if self.is_ready() else 0

    async def on_command_error(self, _context: Any, error: commands.CommandError, /) -> None:
        """A mention with a picture is no command, and others' tries at the owner's are ignored."""
        if not isinstance(error, commands.CommandNotFound | commands.CheckFailure):
            _log.error("owner's command failed", exc_info=error)

    async def on_error(self, event_method: str, /, *_args: Any, **_kwargs: Any) -> None:
        _log.exception("error in %s", event_method)


class Tree(app_commands.CommandTree[SongwriterBot]):
    """Every interaction gets a request id, and every error one sentence that only its cause sees."""

    async def interaction_check(self, _interaction: discord.Interaction[SongwriterBot], /) -> bool:
        request_id.set(new_id())
        return True

    async def on_error(
        self, interaction: discord.Interaction[SongwriterBot], error: app_commands.AppCommandError, /
    ) -> None:
        await report(interaction, error)

    async def _call(self, interaction: discord.Interaction[SongwriterBot]) -> None:
        """What discord.py itself cannot read of a command would end in a task that nobody waits for."""
        try:
            await super()._call(interaction)
        except app_commands.AppCommandError:
            raise
        except Exception as error:
            log_skipped("INTERACTION_CREATE", {"id": interaction.id}, error)
            if interaction.type is discord.InteractionType.application_command:
                await report(interaction, Refusal(_ODD))


def intents(message_content: bool) -> discord.Intents:
    """Servers, messages and reactions; the text of messages only where it was asked for."""
    wanted = discord.Intents.none()
    wanted.guilds = wanted.messages = wanted.reactions = True
    wanted.message_content = message_content
    return wanted
