"""Where the pictures of a message are: files, previews, stickers, components, and what it forwards."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import discord

from bot.images import PictureRef, claims_picture, is_on
from model.sentence import Sentence, say

# What Discord calls a file of which it knows nothing.
_UNKNOWN = "application/octet-stream"
# What a text hides until somebody presses it.
_HIDDEN = re.compile(r"\|\|.+?\|\|", re.DOTALL)

Part = discord.Message | discord.MessageSnapshot


@dataclass(frozen=True)
class Found:
    """Pictures to write about.

    Attributes:
        pictures: as many as one song may look at.
        total: how many there are.
    """

    pictures: tuple[PictureRef, ...]
    total: int

    @classmethod
    def of(cls, pictures: Sequence[PictureRef], limit: int) -> Found:
        return cls(tuple(pictures[:limit]), len(pictures))

    def __bool__(self) -> bool:
        return bool(self.pictures)

    @property
    def notes(self) -> list[Sentence]:
        """What is said under the song where some pictures were left out."""
        looked_at = len(self.pictures)
        if looked_at == self.total:
            return []
        return [say("looked at {some} of {all} pictures", some=looked_at, all=self.total)]


NOTHING = Found((), 0)


def candidates(message: discord.Message, hosts: Collection[str]) -> list[PictureRef]:
    """What may be pictures in a message and in those that it forwards, each once.

    Of what comes from elsewhere, only Discord's own copy on one of ``hosts`` counts. A file of which
    nobody says what it is counts, and is not ``sure``. What is a spoiler anywhere is one.
    """
    found: dict[str, PictureRef] = {}
    parts: list[Part] = [message, *message.message_snapshots]
    for part in parts:
        for picture in _of(part, hosts):
            known = found.setdefault(_path(picture.url), picture)
            found[_path(picture.url)] = replace(known, spoiler=known.spoiler or picture.spoiler)
    return list(found.values())


def attached(file: discord.Attachment) -> PictureRef:
    """A file as it was posted, whatever it is."""
    kind = None if file.content_type == _UNKNOWN else file.content_type
    return PictureRef(
        file.url,
        file.size,
        kind,
        file.filename,
        proxy_url=file.proxy_url,
        width=file.width,
        height=file.height,
        sure=claims_picture(kind, file.filename),
        spoiler=file.is_spoiler(),
    )


def _of(part: Part, hosts: Collection[str]) -> Iterator[PictureRef]:
    yield from filter(_may_be, map(attached, part.attachments))
    yield from _previews(part, hosts)
    for sticker in part.stickers:
        # Lottie is a drawing in JSON.
        if sticker.format is not discord.StickerFormatType.lottie:
            yield PictureRef(sticker.url, None, None, "")
    yield from _shown(part.components, hosts)


def _may_be(picture: PictureRef) -> bool:
    """Whether a file is a picture, or nobody says what it is."""
    return picture.sure or picture.content_type is None


def _previews(part: Part, hosts: Collection[str]) -> Iterator[PictureRef]:
    # A preview may name its page in other letters than the link: where there is a hidden link, what is
    # not seen to belong to an open one counts as hidden.
    seen = _HIDDEN.sub(" ", part.content)
    hides = "://" in "".join(_HIDDEN.findall(part.content))
    for embed in part.embeds:
        # A link's preview has a thumbnail, a bot's own embed an image; one of the two is enough.
        media = embed.image if embed.image.proxy_url else embed.thumbnail
        if (url := media.proxy_url) and is_on(url, hosts):
            hidden = hides and not (embed.url and embed.url in seen)
            yield PictureRef(
                url, None, None, "", proxy_url=url, width=media.width, height=media.height, spoiler=hidden
            )


def _shown(
    components: Iterable[discord.Component], hosts: Collection[str], *, hidden: bool = False
) -> Iterator[PictureRef]:
    """The pictures of galleries, thumbnails and files (Components V2); ``hidden`` if all are spoilers."""
    for part in components:
        if isinstance(part, discord.Container):
            yield from _shown(part.children, hosts, hidden=hidden or part.spoiler)
        elif isinstance(part, discord.MediaGalleryComponent):
            for item in part.items:
                yield from _medium(item.media, hosts, spoiler=hidden or item.spoiler)
        elif isinstance(part, discord.SectionComponent):
            if isinstance(part.accessory, discord.ThumbnailComponent):
                picture = part.accessory
                yield from _medium(picture.media, hosts, spoiler=hidden or picture.spoiler)
        elif isinstance(part, discord.FileComponent):
            spoiler = hidden or part.spoiler
            yield from _medium(part.media, hosts, part.name or "", part.size, spoiler=spoiler)


def _medium(
    media: discord.UnfurledMediaItem,
    hosts: Collection[str],
    name: str | None = None,
    size: int | None = None,
    *,
    spoiler: bool,
) -> Iterator[PictureRef]:
    """A component's picture; without a ``name`` it is shown, so that it is a picture or a film."""
    url = next((one for one in (media.url, media.proxy_url) if one and is_on(one, hosts)), None)
    if url is None:
        return
    kind = None if media.content_type == _UNKNOWN else media.content_type
    sure = claims_picture(kind, name or "") or (name is None and kind is None)
    picture = PictureRef(
        url,
        size,
        kind,
        name or "",
        proxy_url=media.proxy_url,
        width=media.width,
        height=media.height,
        sure=sure,
        spoiler=spoiler,
    )
    if _may_be(picture):
        yield picture


def _path(url: str) -> str:
    """What names a picture: the same file is on several of Discord's hosts, with other signatures."""
    return url.partition("://")[2].partition("/")[2].partition("?")[0]
