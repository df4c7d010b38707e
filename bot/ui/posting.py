"""Getting a stanza to people: a reply or an answer, its buttons and its rating reactions."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

import aiohttp
import discord

from bot.config import Config
from bot.language import Language, language_of
from bot.preferences import Preferences, preferences_of
from bot.store import Output, Store, StoreError, new_id
from bot.ui.buttons import buttons, output_shown
from bot.ui.deferral import UNKNOWN_MESSAGE
from bot.ui.refusals import Refusal
from bot.ui.replies import stanza_message
from bot.ui.retries import persistently
from bot.ui.threads import thread_under
from model.sentence import Sentence, say

_log = logging.getLogger(__name__)

# Answered when the message that is replied to has gone: its reference cannot be resolved.
_INVALID_FORM = 50035
# A rule of the server's AutoMod forbids the message.
_AUTOMOD = 200000
_STOPPED = say(
    "This server's AutoMod stopped my song before anybody could read it, so it costs nothing: "
    "ask once more, and I shall find other words."
)
# A sentence about a failure disappears: the channel is for pictures and songs.
_SECONDS_SHOWN = 30.0
# Name of the tasks that delete them.
FADING = "fading sentence"


class Blocked(Refusal):
    """The server's AutoMod did not let a song through."""

    def __init__(self) -> None:
        super().__init__(_STOPPED)


class Poster:
    """Posts outputs and remembers where."""

    def __init__(self, store: Store, config: Config) -> None:
        self._store, self._config = store, config
        self._fading: set[asyncio.Task[None]] = set()
        self._stopping = False

    def stop(self) -> None:
        """Let the sentences that are to disappear do so at once; those to come stay, as they say why."""
        self._stopping = True
        for task in self._fading:
            task.cancel()

    async def reply(
        self,
        message: discord.Message,
        output: Output,
        notes: Sequence[Sentence] = (),
        posted: Callable[[discord.Message], None] = lambda _: None,
    ) -> None:
        """Reply to a message, or post in its thread; nothing where it has gone.

        Args:
            message: what is replied to.
            output: the song.
            notes: what is said under it.
            posted: is told of the reply at once; to note it and to react takes some time more.

        Raises:
            Blocked: AutoMod did not let it through.
            discord.HTTPException, aiohttp.ClientError, OSError: it cannot be posted.
        """
        try:
            here = await self._here(message.guild)
            sent = await _reply(message, output, notes, here)
        except BaseException as error:
            await self._store.delete_output(output.id)
            if isinstance(error, discord.HTTPException) and _has_gone(error):
                _log.info("message %s has gone: no reply", message.id)
                return
            _check_automod(error)
            raise
        posted(sent)
        await self._posted(sent, output, here)

    async def answer(
        self, interaction: discord.Interaction, output: Output, notes: Sequence[Sentence] = ()
    ) -> None:
        """Answer an interaction that was acknowledged with "thinking"; notes go under the song.

        Raises:
            Blocked, discord.HTTPException, aiohttp.ClientError, OSError: as for ``reply``.
        """
        # Where only the person has installed the app it is no member, and cannot react.
        server = interaction.client.get_guild(interaction.guild_id) if interaction.guild_id else None
        member = server is not None or interaction.guild_id is None
        language = language_of(interaction)
        try:
            here = await self._here(server)
            text = _text(output, notes, here, language)
            sent = await persistently(
                lambda: interaction.edit_original_response(content=text, view=buttons(output.id, language))
            )
        except BaseException as error:
            await self._store.delete_output(output.id)
            _check_automod(error)
            raise
        await self._posted(sent, output, here, react=member and not sent.flags.ephemeral)

    async def withdraw(self, sent: discord.Message) -> None:
        """Delete a reply with its song, as far as that is possible."""
        if output := output_shown(sent):
            await self._store.delete_output(output)
        with suppress(discord.HTTPException, aiohttp.ClientError, OSError):
            await persistently(sent.delete)

    async def apologise(self, message: discord.Message, sentence: Sentence) -> None:
        """Reply with a sentence that disappears; where even that is not possible, the log says so."""
        text, nonce = language_of(message).said(sentence), new_id()
        try:
            sent = await persistently(lambda: message.reply(text, mention_author=False, nonce=nonce))
        except (discord.HTTPException, aiohttp.ClientError, OSError) as error:
            code = error.code if isinstance(error, discord.HTTPException) else type(error).__name__
            _log.info("message %s: nobody could be told (%s)", message.id, code)
            return
        if not self._stopping:
            task = asyncio.create_task(self._fade(sent), name=FADING)
            # The loop alone would not keep it.
            self._fading.add(task)
            task.add_done_callback(self._fading.discard)

    async def _fade(self, sentence: discord.Message) -> None:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(_SECONDS_SHOWN)
        with suppress(discord.HTTPException, aiohttp.ClientError, OSError):
            await persistently(sentence.delete)

    async def _here(self, server: discord.Guild | None) -> Preferences:
        return await preferences_of(server.id if server else None, self._store, self._config)

    async def _posted(
        self, sent: discord.Message, output: Output, here: Preferences, *, react: bool = True
    ) -> None:
        try:
            await self._store.attach_message(output.id, sent.channel.id, sent.id)
            if react and here.own.ratings:
                await _react(sent, here.reactions)
        except (StoreError, discord.HTTPException, aiohttp.ClientError, OSError) as error:
            # The song is there: an apology beside it, or in its place, would only spoil it.
            _log.warning("message %s cannot be rated: %s", sent.id, type(error).__name__)


async def _reply(
    message: discord.Message, output: Output, notes: Sequence[Sentence], here: Preferences
) -> discord.Message:
    """Post a song; where nobody wants it any more before Discord has answered, take it back."""
    text = _text(output, notes, here, language_of(message))
    posting = asyncio.create_task(_post(message, output, text, here))
    try:
        return await asyncio.shield(posting)
    except asyncio.CancelledError:
        with suppress(discord.HTTPException, aiohttp.ClientError, OSError):
            await (await posting).delete()
        raise


async def _post(message: discord.Message, output: Output, text: str, here: Preferences) -> discord.Message:
    thread = await thread_under(message) if here.own.threads else None
    send = partial(message.reply, mention_author=False) if thread is None else thread.send
    view = buttons(output.id, language_of(message))
    # The nonce keeps Discord from posting it twice.
    return await persistently(lambda: send(text, view=view, nonce=output.id))


def _has_gone(error: discord.HTTPException) -> bool:
    """Whether it is the message to be replied to that is not there."""
    return error.code == UNKNOWN_MESSAGE or (
        error.code == _INVALID_FORM and "message_reference" in error.text
    )


def _check_automod(error: BaseException) -> None:
    if isinstance(error, discord.HTTPException) and error.code == _AUTOMOD:
        raise Blocked from error


def _text(output: Output, notes: Sequence[Sentence], here: Preferences, language: Language) -> str:
    how = {"spoiler": output.spoiler, "quiet": here.own.quiet_line}
    return stanza_message(output.lines, output.caption, output.temperature, output.id, notes, language, **how)


async def _react(message: discord.Message, reactions: Sequence[str]) -> None:
    # The stanza is there: without the permission, or with an emoji that Discord does not know,
    # people can do without.
    try:
        for reaction in reactions:
            await message.add_reaction(reaction)
    except discord.HTTPException as error:
        _log.info("no reactions on %s: %s", message.id, error.code)
