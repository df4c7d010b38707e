"""Where pictures hide: wherever Discord shows somebody a picture, the bot finds it, and answers once."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bot import hints
from bot.answered import Answered
from bot.limits import OnceInAWhile
from tests.bot.engine.inline import InlineEngine
from tests.bot.test_loopback import (
    FIRST_LINE,
    PHOTO,
    Scene,
    config,
    configured,
    offline,
    scene,
    serving,
    writer,
)
from tests.discord import Message, unfurling
from tests.discord.tls import PROXIES
from tests.zoo import MEBIBYTE, ZOO, photograph, tiff

pytestmark = pytest.mark.asyncio

__all__ = ["config", "offline", "scene", "writer"]

ELSEWHERE = "https://example.org/cat.jpg"
GIF = "https://media.tenor.com/abc/cat.png"


def drawn(kind: str, size: tuple[int, int] = (40, 30), **options: Any) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, "red").save(file, kind, **options)
    return file.getvalue()


def noise(width: int, height: int) -> bytes:
    """A picture that no format makes small."""
    file = io.BytesIO()
    pixels = np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


async def sung(scene: Scene, posted: Message) -> list[bytes]:
    """The pictures that the reply to a message is about."""
    reply = await scene.server.wait_for_reply(posted)
    assert reply.content.startswith(FIRST_LINE)
    return [*scene.writer.pictures[-1]]


async def menu(scene: Scene, posted: Message) -> str:
    """What "Write lyrics" answers."""
    used = await scene.server.context_menu(scene.ann, posted, "Write lyrics")
    return (await used.answered()).text


async def test_a_forwarded_picture(scene: Scene) -> None:
    elsewhere = scene.server.add_channel(scene.guild, "elsewhere")
    original = await scene.server.post(elsewhere, scene.person("ben"), "look", [PHOTO])
    forwarded = await scene.server.forward(original, scene.ann, scene.channel)
    assert await sung(scene, forwarded) == [PHOTO[1]]
    assert (await menu(scene, forwarded)).startswith(FIRST_LINE)


async def test_a_forwarded_preview_and_sticker(scene: Scene) -> None:
    original = await scene.server.post(
        scene.server.direct(scene.ann, scene.person("ben")), scene.ann, ELSEWHERE,
        stickers=[scene.server.add_sticker(drawn("PNG"))],
    )  # fmt: skip
    original.embeds = [unfurling.preview(scene.server.world, ELSEWHERE, photograph())]
    forwarded = await scene.server.forward(original, scene.ann, scene.channel)
    assert await sung(scene, forwarded) == [photograph(), drawn("PNG")]


@pytest.mark.parametrize("host", PROXIES)
@pytest.mark.parametrize(("kind", "at"), [("gifv", "thumbnail"), ("article", "image")])
async def test_a_preview_that_comes_late(scene: Scene, host: str, kind: str, at: str) -> None:
    posted = await scene.server.post(scene.channel, scene.ann, f"look {GIF}")
    await scene.caught_up()
    shown = unfurling.preview(scene.server.world, GIF, drawn("PNG"), kind=kind, at=at, host=host)
    await scene.server.unfurl(posted, shown)
    assert await sung(scene, posted) == [drawn("PNG")]
    assert not {"example.org", "media.tenor.com"} & {*scene.server.resolver.asked}


async def test_a_preview_is_discords_own_copy_or_none(scene: Scene) -> None:
    shown = unfurling.preview(scene.server.world, ELSEWHERE, photograph(), host="images-ext-1.example.org")
    hidden = [
        await scene.server.post(scene.channel, scene.ann, ELSEWHERE),
        await scene.server.post(scene.channel, scene.ann, ELSEWHERE),
    ]
    await scene.server.unfurl(hidden[0], shown)
    del shown["thumbnail"]["proxy_url"]
    await scene.server.unfurl(hidden[1], shown)
    await scene.caught_up()
    assert [one for posted in hidden for one in scene.server.replies(posted)] == []


@pytest.mark.parametrize(("kind", "file"), [("png", "PNG"), ("apng", "PNG"), ("gif", "GIF")])
async def test_a_sticker(scene: Scene, kind: str, file: str) -> None:
    sticker = scene.server.add_sticker(drawn(file), kind)
    posted = await scene.server.post(scene.channel, scene.ann, stickers=[sticker])
    assert await sung(scene, posted) == [drawn(file)]


async def test_a_sticker_that_is_no_picture(scene: Scene) -> None:
    sticker = scene.server.add_sticker(b'{"v": "5.5.7"}', "lottie")
    posted = await scene.server.post(scene.channel, scene.ann, stickers=[sticker])
    await scene.caught_up()
    assert scene.server.replies(posted) == []


async def test_galleries_thumbnails_and_files_of_components(scene: Scene) -> None:
    other = scene.server.add_user("other", bot=True)
    world, upload = scene.server.world, lambda *file: scene.server.upload(scene.channel, file)
    files = [drawn("PNG", (size, 30)) for size in range(41, 45)]
    posted = await scene.server.post(
        scene.channel, other,
        components=[
            unfurling.gallery(
                unfurling.uploaded(upload("a.png", files[0])), unfurling.linked(world, ELSEWHERE, files[1])
            ),
            unfurling.container(
                unfurling.section("beside it", unfurling.uploaded(upload("b.png", files[2]))),
                unfurling.file(unfurling.uploaded(upload("c.png", files[3])), "c.png", len(files[3])),
                unfurling.file(unfurling.uploaded(upload("d.txt", b"no picture")), "d.txt", 10),
            ),
        ],
    )  # fmt: skip
    assert (await menu(scene, posted)).startswith(FIRST_LINE)
    assert [*scene.writer.pictures[-1]] == files
    asking = await scene.server.post(
        scene.channel, scene.ann, scene.server.bot.mention, reference=posted, ping=False
    )
    assert await sung(scene, asking) == files


@pytest.mark.parametrize("name", ["image0", "photo.jpg_large", "data.bin"])
async def test_a_file_is_judged_by_its_bytes_where_nobody_says_what_it_is(scene: Scene, name: str) -> None:
    posted = await scene.posts(None, (name, photograph()))
    assert await sung(scene, posted) == [photograph()]


async def test_other_files_are_looked_at_for_a_moment_and_left_alone(scene: Scene) -> None:
    file = scene.server.upload(scene.channel, ("image0", b"no picture" + bytes(24 * MEBIBYTE)))
    nothing, short = await scene.posts(None, file), await scene.posts(None, ("image0", b"x"))
    await scene.caught_up()
    assert scene.server.replies(nothing) == scene.server.replies(short) == []
    assert file.sent < 24 * MEBIBYTE


async def test_somebody_who_opted_out_is_not_even_looked_at(scene: Scene) -> None:
    await (await scene.server.slash(scene.ann, scene.channel, "privacy opt-out")).answered()
    posted = await scene.posts(None, ("image0", photograph()))
    await scene.caught_up()
    assert scene.server.replies(posted) == []
    assert len(scene.server.requests("GET", "/attachments/**")) == 1


async def test_a_mention_that_is_added_by_an_edit(offline: Scene, tmp_path: Any) -> None:
    config = configured(tmp_path, discord={"picture_channels": []})
    async with serving(offline.server, config, InlineEngine(config.limits, offline.writer)):
        posted = await offline.posts(text="look")
        # A direct message is answered: what came before it has been dealt with.
        direct = await offline.server.post(offline.server.direct(offline.ann), offline.ann, "", [PHOTO])
        await offline.server.wait_for_reply(direct)
        assert offline.server.replies(posted) == []
        await offline.server.edit(posted, f"look {offline.server.bot.mention}")
        assert await sung(offline, posted) == [PHOTO[1]]


async def test_a_message_is_answered_once_however_often_it_is_edited(scene: Scene) -> None:
    posted = await scene.posts(text="look")
    await scene.server.wait_for_reply(posted)
    preview = unfurling.preview(scene.server.world, ELSEWHERE, photograph())
    for number in range(3):
        await scene.server.edit(posted, f"look {scene.server.bot.mention} {number}")
        await scene.server.unfurl(posted, preview)
    await scene.caught_up()
    assert len(scene.server.replies(posted)) == 1


async def test_edits_that_come_together_get_one_answer(scene: Scene) -> None:
    posted = await scene.server.post(scene.channel, scene.ann, f"{ELSEWHERE} {GIF}")
    for address in (ELSEWHERE, GIF):
        await scene.server.unfurl(posted, unfurling.preview(scene.server.world, address, photograph()))
    await scene.server.wait_for_reply(posted)
    await scene.caught_up()
    assert len(scene.server.replies(posted)) == 1


async def test_an_edit_of_what_was_there_before_the_bot_changes_nothing(offline: Scene) -> None:
    """The process before this one may have answered it."""
    posted = await offline.posts(text="look")
    await asyncio.sleep(0.01)
    async with serving(offline.server, offline.config, InlineEngine(offline.config.limits, offline.writer)):
        await offline.server.edit(posted, f"look {offline.server.bot.mention}")
        await offline.caught_up()
        assert offline.server.replies(posted) == []


async def test_pictures_of_the_message_that_is_replied_to(scene: Scene) -> None:
    original = await scene.server.forward(await scene.posts(), scene.ann, scene.channel)
    await scene.server.wait_for_reply(original)
    asking = await scene.server.post(
        scene.channel, scene.person("ben"), scene.server.bot.mention, reference=original
    )
    assert await sung(scene, asking) == [PHOTO[1]]


async def test_more_pictures_than_it_may_look_at(scene: Scene) -> None:
    files = [(f"{number}.png", drawn("PNG", (40 + number, 30))) for number in range(10)]
    posted = await scene.posts(None, *files)
    assert await sung(scene, posted) == [data for _, data in files[:4]]
    [reply] = scene.server.replies(posted)
    assert " · looked at 4 of 10 pictures · " in reply.content
    assert " · looked at 4 of 10 pictures · " in await menu(scene, posted)
    few = await scene.posts(None, *files[:4])
    await sung(scene, few)
    assert "looked at" not in scene.server.replies(few)[0].content


# Discord's own proxy


def opened(data: bytes) -> tuple[str | None, tuple[int, int]]:
    picture = Image.open(io.BytesIO(data))
    return picture.format, picture.size


async def test_a_picture_above_the_limit_comes_smaller(offline: Scene, tmp_path: Any) -> None:
    config = configured(tmp_path, pictures={"max_bytes": 2 * MEBIBYTE})
    large = noise(1600, 1200)
    assert len(large) > 2 * MEBIBYTE
    async with serving(offline.server, config, InlineEngine(config.limits, offline.writer)):
        file = offline.server.upload(offline.channel, ("large.png", large))
        [picture] = await sung(offline, await offline.posts(None, file))
    assert opened(picture) == ("PNG", (768, 576))
    assert file.sent == 0


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("scan.tiff", tiff),
        ("old.bmp", lambda: drawn("BMP")),
        # Also where it says that it is something else.
        ("photo.jpg", lambda: drawn("BMP")),
    ],
)
async def test_a_format_that_is_not_read_comes_as_png(
    scene: Scene, name: str, make: Callable[[], bytes]
) -> None:
    [picture] = await sung(scene, await scene.posts(None, (name, make())))
    assert opened(picture)[0] == "PNG"


async def test_avif_comes_as_it_was_posted_also_without_a_type(scene: Scene) -> None:
    for name in ("photo.avif", "image0"):
        assert await sung(scene, await scene.posts(None, (name, drawn("AVIF")))) == [drawn("AVIF")]


@pytest.mark.parametrize("name", ["IMG_0001.HEIC", "image0"])
async def test_a_phones_heic_is_for_the_worker_that_has_its_extra(
    scene: Scene, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("model.formats.has_heif", lambda: True)
    heic = ZOO["heic_without_content"][0]()
    assert await sung(scene, await scene.posts(None, (name, heic))) == [heic]


async def test_without_it_a_phones_heic_comes_as_png_from_discord(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    heif = pytest.importorskip("pillow_heif", reason="the loopback's proxy reads HEIC with the extra heif")
    heif.register_heif_opener()
    monkeypatch.setattr("model.formats.has_heif", lambda: False)
    data = io.BytesIO()
    heif.from_pillow(Image.new("RGB", (64, 64), "red")).save(data)
    [picture] = await sung(scene, await scene.posts(None, ("IMG_0001.HEIC", data.getvalue())))
    assert opened(picture)[0] == "PNG"


async def test_where_nobody_reads_a_phones_heic_the_sentence_says_what_it_is(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("model.formats.has_heif", lambda: False)
    posted = await scene.posts(None, ("IMG_0001.HEIC", ZOO["heic_without_content"][0]()))
    reply = await scene.server.wait_for_reply(posted)
    assert reply.content.startswith("That picture is a HEIC, which I cannot open here: post it as a JPEG.")


@pytest.mark.parametrize("trouble", [{"status": 503}, {"status": 415}, {"drop": True}])
async def test_where_the_proxy_fails_the_sentence_is_about_the_picture(
    offline: Scene, tmp_path: Any, trouble: dict[str, Any]
) -> None:
    config = configured(tmp_path, pictures={"max_bytes": 2048})
    offline.server.fail("GET", "/attachments/**", **trouble, times=9)
    async with serving(offline.server, config, InlineEngine(config.limits, offline.writer)):
        reply = await offline.server.wait_for_reply(await offline.posts())
    assert "larger than" in reply.content


async def test_what_discord_cannot_make_a_picture_of_is_refused_in_a_sentence(scene: Scene) -> None:
    reply = await scene.server.wait_for_reply(await scene.posts(None, ("drawing.svg", ZOO["svg"][0]())))
    assert "not a JPEG, PNG, WebP or GIF" in reply.content


# Spoken to


def how_to(message: Message) -> bool:
    return message.content.startswith("Hello! I sing about pictures") and "\n" not in message.content


async def test_a_mention_without_a_picture_says_how_to_use_it(scene: Scene) -> None:
    posted = await scene.server.post(scene.channel, scene.ann, f"hi {scene.server.bot.mention}")
    reply = await scene.server.wait_for_reply(posted)
    assert how_to(reply)
    assert "post one here" in reply.content
    assert scene.writer.asked == []
    again = await scene.server.post(scene.channel, scene.ann, f"hi {scene.server.bot.mention}")
    ben = await scene.server.post(scene.channel, scene.person("ben"), f"hi {scene.server.bot.mention}")
    assert how_to(await scene.server.wait_for_reply(ben))
    await scene.caught_up()
    assert scene.server.replies(again) == []


async def test_a_reply_to_it_and_a_direct_message_say_so_too(scene: Scene) -> None:
    song = await scene.server.wait_for_reply(await scene.posts())
    ben = scene.person("ben")
    thanks = await scene.server.post(scene.channel, ben, "why?", reference=song, ping=False)
    assert how_to(await scene.server.wait_for_reply(thanks))
    direct = await scene.server.post(scene.server.direct(scene.ann), scene.ann, "hi")
    assert how_to(await scene.server.wait_for_reply(direct))


async def test_where_it_does_not_listen_it_says_that_it_has_to_be_mentioned(
    offline: Scene, tmp_path: Any
) -> None:
    config = configured(tmp_path, discord={"picture_channels": []})
    async with serving(offline.server, config, InlineEngine(config.limits, offline.writer)):
        asking = await offline.server.post(offline.channel, offline.ann, offline.server.bot.mention)
        reply = await offline.server.wait_for_reply(asking)
    assert "post one and mention me" in reply.content


async def test_who_does_not_talk_to_it_or_opted_out_is_left_alone(scene: Scene) -> None:
    ben, owner, mention = scene.person("ben"), scene.server.world.developer, scene.server.bot.mention
    await (await scene.server.slash(ben, scene.channel, "privacy opt-out")).answered()
    left = [
        await scene.server.post(scene.channel, scene.ann, "hi all"),
        await scene.server.post(scene.channel, ben, mention),
        await scene.server.post(scene.channel, owner, f"{mention} sync"),
    ]
    await scene.caught_up()
    assert not [one for posted in left for one in scene.server.replies(posted) if how_to(one)]


async def test_a_link_has_a_moment_to_become_a_picture(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    over = asyncio.Event()
    monkeypatch.setattr(hints, "_preview", over.wait)
    posted = await scene.server.post(scene.channel, scene.ann, f"{scene.server.bot.mention} {GIF}")
    await scene.server.unfurl(posted, unfurling.preview(scene.server.world, GIF, drawn("PNG"), kind="gifv"))
    assert await sung(scene, posted) == [drawn("PNG")]
    over.set()
    bare = await scene.server.post(scene.channel, scene.ann, f"{scene.server.bot.mention} {ELSEWHERE}")
    assert how_to(await scene.server.wait_for_reply(bare))
    assert len(scene.server.replies(posted)) == 1


# What is remembered


async def test_the_memory_of_answers_is_bounded_and_never_forgets_that_it_forgot(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bot.answered._REMEMBERED", 3)
    known = Answered(since=10)
    assert not known.may_still_be(9)
    assert [known.claim(one) for one in (12, 12, 14, 16, 18)] == [True, False, True, True, True]
    # 12 is forgotten: neither it nor what is older is answered by an edit.
    assert [known.may_still_be(one) for one in (11, 12, 13, 14, 15)] == [False, False, True, False, True]


async def test_people_are_told_again_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.limits._REMEMBERED", 2)
    now = 0.0
    told = OnceInAWhile(60, lambda: now)
    assert [told.due(one) for one in (1, 1, 2, 3, 1)] == [True, False, True, True, True]
    now = 60.0
    assert told.due(3)
