"""The languages in which people are answered. Discord says which one: a person's, or their server's."""

from __future__ import annotations

import gettext
import re
from functools import cache, lru_cache
from typing import Any

import discord
from discord import app_commands

from bot.catalogues import catalogues
from model.sentence import Sentence, say

# Contexts: a command's or an option's name, an entry of a list, an entry of the menu of a message.
_NAME, _CHOICE, _MENU = "name", "choice", "menu"
# A command as sentences name it: "/settings channel", "/lyrics".
_COMMAND = re.compile(r"(?<![\w/])/([a-z-]+)(?: ([a-z-]+))?")


class Language:
    """Says sentences in one language; what that lacks stays English.

    Args:
        catalogue: of what is said how.
    """

    def __init__(self, catalogue: gettext.NullTranslations) -> None:
        self._catalogue = catalogue

    def said(self, text: str) -> str:
        """A sentence in this language, with commands as people know them there."""
        sentence = text if isinstance(text, Sentence) else say(text)
        fields = {
            name: self.said(value) if isinstance(value, Sentence) else value
            for name, value in sentence.fields.items()
        }
        message = _COMMAND.sub(self._command, self._found(sentence))
        return message.format(**fields) if fields else message

    def name(self, name: str) -> str:
        """The name of a command or an option."""
        return self._catalogue.pgettext(_NAME, name)

    def menu(self, name: str) -> str:
        """An entry of the menu of a message."""
        return self._catalogue.pgettext(_MENU, name)

    def choice(self, name: str) -> str:
        """An entry of a list of choices."""
        return self._catalogue.pgettext(_CHOICE, name)

    def _found(self, sentence: Sentence) -> str:
        if not sentence.message:
            # gettext has the catalogue's head there.
            return ""
        if sentence.many:
            return self._catalogue.ngettext(sentence.message, sentence.many, sentence.number)
        if sentence.context:
            return self._catalogue.pgettext(sentence.context, sentence.message)
        return self._catalogue.gettext(sentence.message)

    def _command(self, found: re.Match[str]) -> str:
        return "/" + " ".join(self.name(name) for name in found.groups() if name)


ENGLISH = Language(gettext.NullTranslations())


@lru_cache(64)
def language(locale: str) -> Language:
    """The language of one of Discord's locales ("de", "es-419"), English where there is no other."""
    known = _languages()
    return known.get(locale) or known.get(locale.partition("-")[0]) or ENGLISH


def language_of(asked: discord.Interaction[Any] | discord.Message | discord.Guild | None) -> Language:
    """In which to answer: that of who uses a command or a button, the server's where something is posted.

    Discord does not tell it of a direct message: that is English.
    """
    if isinstance(asked, discord.Interaction):
        return language(str(asked.locale))
    guild = asked.guild if isinstance(asked, discord.Message) else asked
    return ENGLISH if guild is None else language(str(guild.preferred_locale))


class Translator(app_commands.Translator):
    """Tells Discord what commands, options and choices are called elsewhere."""

    async def translate(
        self, string: app_commands.locale_str, locale: discord.Locale, context: Any
    ) -> str | None:
        """A name or a description; None where English will do."""
        known, message = language(locale.value), string.message
        if known is ENGLISH or not message:
            return None
        place = app_commands.TranslationContextLocation
        match context.location:
            case place.choice_name:
                return known.choice(message)
            case place.command_name if isinstance(context.data, app_commands.ContextMenu):
                return known.menu(message)
            case place.command_name | place.group_name | place.parameter_name:
                return known.name(message)
        return known.said(message)


@cache
def _languages() -> dict[str, Language]:
    return {name: Language(catalogue) for name, catalogue in catalogues().items()}
