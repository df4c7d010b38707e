"""The first message in a server that has invited the bot."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import aiohttp
import discord
from discord.ext import commands

from bot.language import language_of
from bot.store import new_id
from bot.ui.permissions import may_speak
from bot.ui.retries import persistently
from model.sentence import joined, say

if TYPE_CHECKING:
    from bot.client import SongwriterBot

_log = logging.getLogger(__name__)

_EVERYWHERE = say(
    "Hello! I sing about pictures: post one, or mention me with one, and I answer with a stanza."
)
_WHERE_I_LISTEN = say(
    "Hello! I sing about pictures: post one where I listen, or mention me with one, and I answer with a "
    "stanza."
)
_MORE = say(
    "`/lyrics` and `/seed kiss` work without a picture, and `/help` says what else there is.\n"
    "For those who manage the server: `/settings channel` says where I answer without being asked, and "
    "`/settings show` what else can be chosen. I keep no pictures and no messages; `/privacy show` says what "
    "I do keep, and how it is deleted."
)


class Welcome(commands.Cog):
    """Says hello once, where it may."""

    def __init__(self, bot: SongwriterBot) -> None:
        self.bot = bot

    @commands.Cog.listener()
    async def on_guild_join(self, guild: discord.Guild) -> None:
        place = _place(guild)
        if place is None:
            _log.info("server %d: no channel where I may say hello", guild.id)
            return
        everywhere = self.bot.resources.config.discord.picture_channels == "all"
        hello, nonce = joined(" ", [_EVERYWHERE if everywhere else _WHERE_I_LISTEN, _MORE]), new_id()
        text = language_of(guild).said(hello)
        try:
            await persistently(lambda: place.send(text, nonce=nonce))
        except (discord.HTTPException, aiohttp.ClientError, OSError) as error:
            _log.info("server %d: hello not said: %s", guild.id, type(error).__name__)


def _place(guild: discord.Guild) -> discord.TextChannel | None:
    """Where new members are welcomed, if the bot may write there; otherwise the topmost such channel."""
    first = [guild.system_channel] if guild.system_channel else []
    return next(filter(may_speak, [*first, *guild.text_channels]), None)
