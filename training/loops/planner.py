"""Training the planner on the plans of the songbook's stanzas."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from tqdm import tqdm

from model.checkpoint import save_checkpoint
from model.conditioning import MAX_LINES, STYLES
from model.errors import BadInput
from model.keywords import extract
from model.lexicon import Lexicon
from model.mood import MOODS
from model.plan import MAX_INNER, plan_of
from model.planner import FIRST_WORD, LINE, MAX_TOLD, PAD, UNKNOWN
from model.precision import native_bfloat16
from model.rhyme import FREE, partner
from training.corpora.songbook import Verse, read_songbook, split_songbook
from training.loops.averages import Ema
from training.loops.schedule import cosine

# A rarer word has no id.
_COMMON_WORD, _COMMON_LEMMA = 3, 3
# Chances that nothing is told of the keywords, that one of them is left out, and that no mood is told.
_NO_KEYWORDS, _NO_KEYWORD, _NO_MOOD = 0.15, 0.25, 0.3
# Chance that the keywords are the stanza's own words, as a seed's are.
_OWN = 0.25
_CLIP = 1.0


class PlannerNet(nn.Module):
    """An LSTM over planned words, told at every step what the stanza is about and what is left to plan.

    Args:
        words: how many words it can plan.
        lemmas: how many keywords it knows.
        embedding: size of a word's vector.
        form: size of what is told of style, mood, lines and place.
        hidden: state size.
        dropout: of vectors and states, in training only.
    """

    def __init__(
        self,
        words: int,
        lemmas: int,
        embedding: int = 96,
        form: int = 32,
        hidden: int = 256,
        dropout: float = 0.3,
    ) -> None:
        super().__init__()
        self.token = nn.Embedding(FIRST_WORD + words, embedding)
        self.keyword = nn.Embedding(lemmas + 1, embedding, padding_idx=0)
        self.style = nn.Embedding(len(STYLES) + 1, form)
        self.mood = nn.Embedding(len(MOODS) + 1, form)
        self.left = nn.Embedding(MAX_LINES + 1, form)
        self.slot = nn.Embedding(MAX_INNER + 2, form)
        self.lstm = nn.LSTM(4 * embedding + 2 * form, hidden, batch_first=True)
        # Words are told apart by the vectors that they are read with (Press and Wolf, EACL 2017).
        self.output = nn.Linear(hidden, embedding, bias=False)
        self.bias = nn.Parameter(torch.zeros(FIRST_WORD + words))
        self.dropout = nn.Dropout(dropout)
        for table in (self.token, self.keyword, self.style, self.mood, self.left, self.slot):
            table.weight.detach().mul_(0.3)

    def forward(self, batch: Batch) -> Tensor:
        """Logits (batch, steps, tokens)."""
        words = self.keyword(batch.keywords)
        waiting = batch.waiting @ words
        steps = batch.tokens.shape[1]
        form = self.style(batch.style) + self.mood(batch.mood)
        place = self.left(batch.left) + self.slot(batch.slot)
        partners = self.token(batch.partners) * (batch.partners != PAD)[..., None]
        parts = [
            self.token(batch.tokens),
            partners,
            waiting,
            words.sum(1)[:, None].expand(-1, steps, -1),
            form[:, None].expand(-1, steps, -1),
            place,
        ]
        hidden, _ = self.lstm(self.dropout(torch.cat(parts, 2)))
        logits: Tensor = self.output(self.dropout(hidden)) @ self.token.weight.t() + self.bias
        return logits


class Batch(NamedTuple):
    """Plans side by side, (batch, steps) where nothing else is said."""

    tokens: Tensor  # the one before each step, PAD at the first
    targets: Tensor
    partners: Tensor
    left: Tensor
    slot: Tensor
    keywords: Tensor  # (batch, MAX_TOLD)
    waiting: Tensor  # (batch, steps, MAX_TOLD)
    style: Tensor  # (batch,)
    mood: Tensor  # (batch,)


class PlannerTrainer:
    """Owns the network and what it is taught.

    Args:
        songbook: file of stanzas.
        lexicon: word table.
        seed: of weights, order and dropout.

    Raises:
        BadInput: the songbook cannot be read, or is too small.
    """

    def __init__(self, songbook: Path, lexicon: Lexicon, seed: int = 1) -> None:
        parts = split_songbook(read_songbook(songbook))
        self.train_verses, self.dev_verses, self.lexicon = parts["train"], parts["dev"], lexicon
        if not self.train_verses or not self.dev_verses:
            raise BadInput(f"{songbook} is too small: no stanza of it falls into the dev split.")
        counts = Counter(word for verse in self.train_verses for word in _words(verse))
        self.words = sorted(word for word, count in counts.items() if count >= _COMMON_WORD)
        told = Counter(word for verse in self.train_verses for word in verse.keywords)
        own = Counter(lexicon.lemma(word) for word in counts.elements())
        self.lemmas = sorted(
            {word for word, count in told.items() if count >= _COMMON_LEMMA}
            | {word for word, count in own.items() if count >= 2 * _COMMON_LEMMA}
        )
        self.ids = {word: number for number, word in enumerate(self.words, start=FIRST_WORD)}
        self.lemma_ids = {lemma: number for number, lemma in enumerate(self.lemmas, start=1)}
        torch.manual_seed(seed)
        self.seed = seed
        self.model = PlannerNet(len(self.words), len(self.lemmas))
        self._mixed = native_bfloat16(torch.device("cpu"))

    def train(self, output: Path, epochs: int, batch: int = 64, rate: float = 2e-3) -> float:
        """Learn, keep the best weights in a file and return their dev nats a planned word.

        After Ctrl-C the best so far stays.
        """
        optimiser = torch.optim.AdamW(self.model.parameters(), rate, betas=(0.9, 0.99), weight_decay=0.02)
        ema, best, steps = Ema(self.model, 0.995), math.inf, epochs * -(-len(self.train_verses) // batch)
        step = 0
        for epoch in range(epochs):
            draw = random.Random(self.seed * 1000 + epoch)
            order = draw.sample(self.train_verses, len(self.train_verses))
            self.model.train()
            groups = range(0, len(order), batch)
            for start in tqdm(groups, desc=f"planner, pass {epoch + 1}", mininterval=10):
                for group in optimiser.param_groups:
                    group["lr"] = rate * cosine(step / steps, step, 100)
                loss = self._loss(self._batch(order[start : start + batch], draw), mixed=self._mixed)
                optimiser.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(self.model.parameters(), _CLIP)
                optimiser.step()
                ema.update(self.model, step)
                step += 1
            with ema.swapped(self.model):
                nats, free = self.measure(), self.measure(asked=False)
                tqdm.write(f"pass {epoch + 1}  dev {nats:.4f}  told no keyword {free:.4f}")
                if nats < best:
                    best = nats
                    self._save(output, nats, free, epoch + 1)
        return best

    @torch.inference_mode()
    def measure(self, asked: bool = True) -> float:
        """Dev nats a planned word, line ends included, told all keywords or none."""
        self.model.eval()
        total = count = 0.0
        for start in range(0, len(self.dev_verses), 64):
            found = self._batch(self.dev_verses[start : start + 64], None, asked)
            known = int(((found.targets != PAD) & (found.targets != UNKNOWN)).sum())
            total += float(self._loss(found)) * known
            count += known
        return total / count

    @torch.inference_mode()
    def plan_nats(self, verses: Sequence[Verse]) -> list[float]:
        """Negative log-likelihood of the whole plan of each stanza, told all that it is about."""
        self.model.eval()
        batch = self._batch(verses, None)
        found: list[float] = self._loss(batch, "none", self._mixed).view(batch.targets.shape).sum(1).tolist()
        return found

    def _loss(self, batch: Batch, reduction: str = "mean", mixed: bool = False) -> Tensor:
        targets = batch.targets.masked_fill(batch.targets == UNKNOWN, PAD)
        with torch.autocast("cpu", torch.bfloat16, enabled=mixed):
            logits = self.model(batch)
        return nn.functional.cross_entropy(
            logits.float().flatten(0, 1), targets.flatten(), ignore_index=PAD, reduction=reduction
        )

    def _batch(self, verses: Sequence[Verse], draw: random.Random | None, asked: bool = True) -> Batch:
        rows = [self._row(verse, draw, asked) for verse in verses]
        steps = max(len(row[0]) for row in rows)
        table = torch.zeros((4, len(rows), steps), dtype=torch.long)
        waiting = torch.zeros((len(rows), steps, MAX_TOLD))
        keywords = torch.zeros((len(rows), MAX_TOLD), dtype=torch.long)
        for number, (tokens, partners, left, slot, told, open_) in enumerate(rows):
            for part, values in enumerate((tokens, partners, left, slot)):
                table[part, number, : len(values)] = torch.tensor(values)
            keywords[number, : len(told)] = torch.tensor(told, dtype=torch.long)
            waiting[number, : len(tokens), : len(told)] = torch.tensor(open_, dtype=torch.float32)
        before = torch.cat([torch.zeros((len(rows), 1), dtype=torch.long), table[0, :, :-1]], 1)
        style = torch.tensor([1 + STYLES.index(verse.style) for verse in verses])
        no_mood = [draw is not None and draw.random() < _NO_MOOD for _ in verses]
        mood = [0 if no else 1 + MOODS.index(verse.mood) for no, verse in zip(no_mood, verses, strict=True)]
        tokens, partners, left, slot = table
        return Batch(before, tokens, partners, left, slot, keywords, waiting, style, torch.tensor(mood))

    def _row(self, verse: Verse, draw: random.Random | None, asked: bool) -> tuple[list[int], ...]:
        """Tokens, partners, lines left, slots, keywords' ids, and which of those wait at each step."""
        told = self._told(verse, draw) if asked else []
        forms = [self.lexicon.forms(lemma) for lemma in told]
        open_ = [1] * len(told)
        tokens: list[int] = []
        partners: list[int] = []
        left: list[int] = []
        slots: list[int] = []
        waits: list[list[int]] = []
        ends: list[int] = []
        for number, line in enumerate(plan_of(verse.lines[:MAX_LINES])):
            other = partner(verse.scheme, number) if verse.scheme != FREE else None
            for slot, word in enumerate((line.end, *line.inner, "")):
                token = LINE if not word else self.ids.get(word, UNKNOWN)
                if token == UNKNOWN and slot:
                    continue
                tokens.append(token)
                partners.append(ends[other] if other is not None and other < len(ends) else PAD)
                left.append(len(verse.lines[:MAX_LINES]) - number)
                slots.append(min(slot, MAX_INNER + 1))
                waits.append(list(open_))
                open_ = [int(o and word not in spelt) for o, spelt in zip(open_, forms, strict=True)]
            ends.append(self.ids.get(line.end, PAD))
        return tokens, partners, left, slots, [self.lemma_ids[word] for word in told], waits  # type: ignore[return-value]

    def _told(self, verse: Verse, draw: random.Random | None) -> list[str]:
        if draw is None:
            return [word for word in verse.keywords if word in self.lemma_ids][:MAX_TOLD]
        if draw.random() < _NO_KEYWORDS:
            return []
        words = extract(verse.text, self.lexicon, 3) if draw.random() < _OWN else list(verse.keywords)
        kept = [word for word in words if word in self.lemma_ids and draw.random() >= _NO_KEYWORD]
        return draw.sample(kept, len(kept))[:MAX_TOLD]

    def _save(self, path: Path, nats: float, free: float, epochs: int) -> None:
        header = {
            "words": self.words,
            "lemmas": self.lemmas,
            "metrics": {"dev_nats_per_word": nats, "dev_nats_per_word_untold": free},
            "training": {"passes": epochs, "seed": self.seed, "stanzas": len(self.train_verses)},
        }
        save_checkpoint(path, "planner", header, self.model.state_dict(), half=True, int8=True)


def _words(verse: Verse) -> list[str]:
    return [word for line in plan_of(verse.lines) for word in (*line.inner, line.end) if word]


def train(songbook: Path, lexicon: Path, output: Path, epochs: int, seed: int = 1) -> float:
    """Train a planner; see ``PlannerTrainer``."""
    return PlannerTrainer(songbook, Lexicon.load(lexicon), seed).train(output, epochs)
