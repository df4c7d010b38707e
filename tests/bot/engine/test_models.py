"""The models that ship, in a real worker process."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont

from bot.config import Engine, Filter, Limits, Pictures
from bot.engine import models
from bot.engine.local import LocalEngine
from bot.engine.requests import BadPicture, Unrepeatable
from model.eye import Eye
from model.recipe import Recipe
from tests.bot.engine.harness import request, until_ready, write

pytestmark = pytest.mark.asyncio


def png(width: int, height: int) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (width, height)).save(stream, "PNG")
    return stream.getvalue()


async def test_a_photograph_becomes_a_stanza_that_can_be_written_again(photograph: Path) -> None:
    engine = LocalEngine(Limits(), Engine(device="cpu", workers=1), Pictures(max_pixels=500_000), Filter())
    await engine.start()
    try:
        await until_ready(engine, seconds=120)
        assert engine.workers[0].device == "cpu"
        first = await write(engine, request(photograph.read_bytes(), seed=5, lines=3))
        assert first.caption
        assert first.keywords
        assert 1 <= len(first.lines) <= 3
        assert len(first.captioner) == len(first.generator) > 8
        again = await write(engine, request(caption=first.caption, seed=5, lines=3))
        assert again.lines == first.lines
        recipe = Recipe.parse(first.recipe)
        assert (recipe.keywords, recipe.request.lines) == (first.keywords, 3)
        why = await write(engine, request(caption=first.caption, recipe=recipe, explain=True))
        assert (why.lines, why.recipe) == (first.lines, first.recipe)
        assert why.explanation is not None
        assert [word.keyword for word in why.explanation.words] == list(first.keywords)
        assert why.explanation.rivals
        anew = recipe.rewriting(2, 7)
        other = await write(engine, request(recipe=anew))
        assert [a == b for a, b in zip(other.lines, first.lines, strict=True)] == [True, False, True]
        assert other.recipe == anew.text
        foreign = replace(recipe, origin="0123456789ab")
        with pytest.raises(Unrepeatable, match="other models"):
            await write(engine, request(recipe=foreign))
        seeded = await write(engine, request(prompt="kiss me", seed=5, mood="picture"))
        assert seeded.generation.mood is None
        assert seeded.lines[0].lower().startswith("kiss me")
        with pytest.raises(BadPicture, match=r"more than 0\.5 million pixels"):
            await write(engine, request(png(1000, 1000)))
        with pytest.raises(BadPicture, match="not a JPEG"):
            await write(engine, request("no picture"))
    finally:
        await engine.close(0)


async def test_the_mood_of_a_picture_told_by_its_looks_is_in_the_recipe() -> None:
    engine = LocalEngine(Limits(), Engine(device="cpu", workers=1), Pictures(), Filter())
    await engine.start()
    try:
        await until_ready(engine, seconds=120)
        black = png(64, 64)
        first = await write(engine, request(black, seed=5, lines=2))
        assert (first.caption, first.generation.mood) == ("something black in the night", "dreamy")
        recipe = Recipe.parse(first.recipe)
        assert recipe.request.mood == "dreamy"
        assert (await write(engine, request(recipe=recipe))).lines == first.lines
        plain = await write(engine, request(black, seed=5, lines=2, mood="none"))
        assert (plain.generation.mood, Recipe.parse(plain.recipe).request.mood) == (None, None)
    finally:
        await engine.close(0)


async def test_what_is_written_on_a_picture_is_sung_of_and_its_forbidden_words_are_not() -> None:
    pytest.importorskip("rapidocr", reason="reading pictures needs the extra text")
    page, stream = Image.new("RGB", (600, 200), "white"), io.BytesIO()
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(40)
    draw.text((20, 20), "The garden and the window", "black", font)
    draw.text((20, 100), "by the cold river", "black", font)
    page.save(stream, "PNG")
    engine = LocalEngine(Limits(), Engine(device="cpu", workers=1), Pictures(), Filter(), eye=Eye(text=True))
    await engine.start()
    try:
        await until_ready(engine, seconds=120)
        song = await write(engine, request(stream.getvalue(), seed=5, forbidden=frozenset({"river"})))
        assert song.caption is not None
        assert "it tells of" in song.caption
        assert {"garden", "window"} <= {*song.keywords}
        assert "river" not in (*song.keywords, *song.caption.replace(",", "").split())
        # "Another one" has them from the caption.
        again = await write(engine, request(caption=song.caption, seed=6))
        assert {"garden", "window"} <= {*again.keywords}
    finally:
        await engine.close(0)


async def test_a_device_short_of_memory_is_asked_once_more() -> None:
    torch = pytest.importorskip("torch")

    def work(outcomes: Iterator[str | Exception]) -> str:
        outcome = next(outcomes)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    short = torch.cuda.OutOfMemoryError("no memory")
    once, twice = iter([short, "done"]), iter([short, short, "done"])
    assert models._on_gpu(lambda: work(once)) == "done"
    with pytest.raises(torch.cuda.OutOfMemoryError):
        models._on_gpu(lambda: work(twice))
