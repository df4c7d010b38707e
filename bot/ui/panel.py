"""What "Why this one?" shows: what led to which line, how it sounds, who else was in the running."""

from __future__ import annotations

from collections.abc import Iterator

from bot.ui.replies import MAX_CAPTION, MAX_MESSAGE, shown
from model.explanation import Explanation, Rival, described, originality, outline

# Candidates beside the one that was chosen.
_RIVALS = 2


def panel(caption: str | None, recipe: str, explanation: Explanation) -> str:
    """The text of a panel; of what would be too long the last rivals go first."""
    parts = [*_facts(caption, explanation), f"**Recipe**, for `/replay` here or anywhere: `{recipe}`"]
    if explanation.rivals:
        parts.append(f"**Chosen** from the last {explanation.candidates}. Scores, higher is better:")
        parts += map(_scored, explanation.rivals[: 1 + _RIVALS])
    while len("\n".join(parts)) > MAX_MESSAGE:
        parts.pop()
    return "\n".join(parts)


def _facts(caption: str | None, explanation: Explanation) -> Iterator[str]:
    if caption:
        yield f"**I saw** {shown(caption)[:MAX_CAPTION]}"
    yield f"**Words** {described(explanation.words) or 'none were asked for'}"
    if explanation.plan is not None:
        yield f"**Plan** {outline(explanation.plan)}"
    if explanation.mood:
        yield f"**Mood** {explanation.mood}"
    syllables = ", ".join(map(str, explanation.syllables))
    yield f"**Sound** {explanation.scheme} (the same letter is a rhyme), {syllables} syllables"
    if explanation.copied is not None:
        yield f"**Copied** {originality(explanation.copied)}"


def _scored(rival: Rival) -> str:
    parts = " · ".join(f"{name} {value:+.2f}" for name, value in rival.parts.items() if round(value, 2))
    return f"- {rival.score:+.2f} {' / '.join(map(shown, rival.lines))}\n-# {parts}"
