"""What self-critical training pays for."""

from __future__ import annotations

import torch

from model.vocabulary import PAD, WordVocabulary
from training.loops.rewards import Reward, most_similar

CAPTIONS = [
    ["a dog runs in deep snow", "a brown dog runs in snow"],
    ["a dog runs on the grass", "a black dog runs on grass"],
    ["a man climbs up a rock", "a man hangs on a red rock"],
    ["a woman climbs up a rock", "a woman waits on a high rock"],
]
TOKENS = [[caption.split() for caption in own] for own in CAPTIONS]


def ids(vocabulary: WordVocabulary) -> torch.Tensor:
    rows = [[vocabulary.encode(caption) for caption in own] for own in TOKENS]
    return torch.tensor([[row + [PAD] * (9 - len(row)) for row in own] for own in rows])


def test_similar_pictures_are_those_with_the_same_things() -> None:
    vocabulary = WordVocabulary.count((caption for own in TOKENS for caption in own), 1)
    similar = most_similar(ids(vocabulary), len(vocabulary))
    assert similar[:, 0].tolist() == [1, 0, 3, 2]
    # No picture is similar to itself, and no more than there are.
    assert [sorted(row) for row in similar.tolist()] == [[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2]]


def test_what_could_be_said_of_a_similar_picture_earns_less() -> None:
    plain = Reward(TOKENS)
    telling = Reward(TOKENS, torch.tensor([[1], [0], [3], [2]]), distinct=0.5)
    common, own = "a dog runs".split(), "a dog runs in deep snow".split()
    assert telling.score(0, common, True) < plain.score(0, common, True)
    lost = [plain.score(0, words, True) - telling.score(0, words, True) for words in (common, own)]
    assert lost[0] == 0.5 * plain.score(1, common, True)
    assert lost[0] > lost[1]


def test_a_caption_that_was_cut_off_earns_less() -> None:
    reward, words = Reward(TOKENS), "a dog runs in deep snow".split()
    assert reward.score(0, words, ended=False) < reward.score(0, words, ended=True)
