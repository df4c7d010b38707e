"""Characters a second of the generator's steps on one core. Run: ``python -m tests.bench.engine``.

A character is the whole step as decoding uses it: from ids and the context to
logits in numpy, softmax with temperature, and draw. Medians of one run in which the engines
take turns, in seconds of this thread, so that other programs' turns do not count; quote ratios,
machines differ. Then the greedy texts of two hundred prompts, by torch and by ONNX Runtime.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import chain

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from model.conditioning import Conditioning, ConditioningState
from model.decoding import Context, Stepper, packed
from model.files import CHECKPOINTS
from model.generator import Generator, TorchStepper, load_generator
from model.lexicon import Lexicon
from model.onnx_stepper import load_stepper
from model.sampling import Floats, Ids, Sampling, draw, probabilities
from model.vocabulary import BOS, EOS, CharVocabulary

BATCHES = (1, 8, 32, 64)
SAMPLING = Sampling(0.65)
# Characters of a stanza, and stanzas a batch and engine.
LENGTH, ROUNDS = 100, 7
PROMPTS = 200
_KEYWORDS = ("sea", "night")
CONDITIONING = Conditioning("song", None, 4, _KEYWORDS, tuple(frozenset({word}) for word in _KEYWORDS))
PATH = CHECKPOINTS / "generator.safetensors"


class Eager:
    """``nn.LSTM`` of the generator's size, called a step at a time, as a char-rnn is sampled from."""

    def __init__(self, model: Generator) -> None:
        recurrent, self.symbols = model.recurrent, model.output.out_features
        self.embedding = nn.Embedding(self.symbols, recurrent.input_size)
        self.recurrent = nn.LSTM(
            recurrent.input_size, recurrent.hidden_size, recurrent.num_layers, batch_first=True
        )
        self.output = nn.Linear(recurrent.hidden_size, self.symbols)

    def start(self, conditionings: Sequence[Conditioning]) -> list[object]:
        self.state = None
        return [None] * len(conditionings)

    def resume(self, states: Sequence[object]) -> None:
        self.state = None

    @torch.inference_mode()
    def step(self, ids: Ids, context: Context) -> Floats:
        hidden, self.state = self.recurrent(self.embedding(torch.from_numpy(ids)[:, None]), self.state)
        return self.output(hidden[:, 0]).double().numpy()


def main() -> None:
    torch.set_num_threads(1)
    model, vocabulary, _ = load_generator(PATH)
    engines = {
        "torch, nn.LSTM eager": Eager(model),
        "torch, our step, float32": TorchStepper(model),
        "torch, our step, bfloat16": TorchStepper(model, torch.bfloat16),
        "ONNX Runtime, float32": load_stepper(PATH, int8=False)[0],
        "ONNX Runtime, int8": load_stepper(PATH)[0],
    }
    measured = {batch: _rounds(engines, vocabulary, batch) for batch in BATCHES}
    _print(measured)
    _limits(model)
    _compare_greedy(engines, vocabulary)


def _rounds(
    engines: Mapping[str, Stepper], vocabulary: CharVocabulary, batch: int
) -> dict[str, list[list[float]]]:
    """Seconds of each step, round by round; the first, which warms up, is left out."""
    taken: dict[str, list[list[float]]] = {name: [] for name in engines}
    for seed in tqdm(range(ROUNDS + 1), desc=f"batch {batch}", leave=False):
        for name, engine in engines.items():
            # The first of these is far slower than all the others.
            length = 20 if isinstance(engine, Eager) else LENGTH
            taken[name].append(write(engine, vocabulary, batch, length, seed))
    return {name: rounds[1:] for name, rounds in taken.items()}


def write(engine: Stepper, vocabulary: CharVocabulary, rows: int, length: int, seed: int) -> list[float]:
    """Draw characters in every row, each with the context of what it has written; seconds of each step."""
    random = np.random.default_rng(seed)
    engine.resume(engine.start([CONDITIONING]) * rows)
    progress = [ConditioningState(CONDITIONING) for _ in range(rows)]
    ids, taken = np.full(rows, BOS), []
    for _ in range(length):
        context = Context.of([packed(0, row.state) for row in progress])
        uniforms = random.random(rows)
        started = time.thread_time()
        logits = engine.step(ids, context)
        logits[:, : EOS + 1] = -np.inf
        ids = draw(probabilities(logits, SAMPLING), uniforms)
        taken.append(time.thread_time() - started)
        for row, number in zip(progress, ids.tolist(), strict=True):
            row.add(vocabulary.tokens[number])
    return taken


def _print(measured: Mapping[int, Mapping[str, list[list[float]]]]) -> None:
    print(f"{'characters a second':<28}" + "".join(f"{f'batch {batch}':>20}" for batch in measured))
    eager, *_, ours = names = list(measured[BATCHES[0]])
    for name in names:
        cells = []
        for batch, taken in measured.items():
            mine, slow = (statistics.median(chain(*taken[one])) for one in (name, eager))
            cells.append(f"{batch / mine:,.0f} ({slow / mine:.1f}x)")
        print(f"{name:<28}" + "".join(f"{cell:>20}" for cell in cells))
    spread = []
    for taken in measured.values():
        pairs = zip(taken[eager], taken[ours], strict=True)
        times = sorted(statistics.median(slow) / statistics.median(mine) for slow, mine in pairs)
        spread.append(f"{times[0]:.1f}x to {times[-1]:.1f}x")
    print(f"{'  the last, by rounds':<28}" + "".join(f"{cell:>20}" for cell in spread))


def _limits(model: Generator) -> None:
    """What batch 1 could reach if a step did nothing but read the weights of its products."""
    own = {name: p.numel() for name, p in model.recurrent.named_parameters() if p.dim() > 1}
    tables = model.embedding.embedding_dim + model.keyword.embedding_dim
    # The first layer's products with symbols and contexts are tables.
    count = sum(own.values()) - tables * model.recurrent.weight_ih_l0.shape[0]
    for name, size in (("float32", 4), ("bfloat16", 2), ("int8", 1)):
        bandwidth = _bandwidth(count * size)
        print(
            f"limit, {name:<9} {count * size / 1e6:5.1f} MB of weights at {bandwidth / 1e9:4.0f} GB/s: "
            f"{bandwidth / (count * size):,.0f} characters a second at batch 1"
        )


def _compare_greedy(engines: dict[str, Stepper], vocabulary: CharVocabulary) -> None:
    """How many texts are those of torch in float32, for the most frequent words as prompts."""
    lexicon = Lexicon.load(CHECKPOINTS / "lexicon.json.xz")
    prompts = sorted(lexicon.entries, key=lambda word: (-lexicon.count(word), word))[:PROMPTS]
    expected = greedy(engines["torch, our step, float32"], vocabulary, prompts)
    for name in ("ONNX Runtime, float32", "ONNX Runtime, int8"):
        found = greedy(engines[name], vocabulary, prompts)
        same = sum(one == other for one, other in zip(found, expected, strict=True))
        print(f"greedy text the same as torch's in float32: {name} {same} of {len(prompts)}")


def greedy(engine: Stepper, vocabulary: CharVocabulary, prompts: Sequence[str]) -> list[str]:
    """Each prompt and the likeliest characters after it."""
    engine.resume(engine.start([CONDITIONING]) * len(prompts))
    progress, texts = [ConditioningState(CONDITIONING) for _ in prompts], [""] * len(prompts)
    ids = np.full(len(prompts), BOS)
    for place in range(LENGTH):
        logits = engine.step(ids, Context.of([packed(0, row.state) for row in progress]))
        likeliest = EOS + 1 + logits[:, EOS + 1 :].argmax(1)
        given = [vocabulary.encode(prompt)[place] if place < len(prompt) else None for prompt in prompts]
        ids = np.array([n if own is None else own for n, own in zip(likeliest.tolist(), given, strict=True)])
        texts = [text + vocabulary.tokens[number] for text, number in zip(texts, ids.tolist(), strict=True)]
        for row, text in zip(progress, texts, strict=True):
            row.add(text[-1])
    return texts


def _bandwidth(size: int) -> float:
    """Bytes a second that one core reads again and again from a block of this size."""
    block = np.zeros(size // 8)
    return size / _median(lambda: block.max(), 200)


def _median(job: Callable[[], object], times: int) -> float:
    taken = []
    for _ in range(times):
        started = time.thread_time()
        job()
        taken.append(time.thread_time() - started)
    return statistics.median(taken)


if __name__ == "__main__":
    main()
