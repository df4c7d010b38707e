"""Golden numbers were computed with pycocoevalcap 1.2 on the same tokens."""

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.corpora.flickr8k import read_captions, read_split
from training.evaluation.metrics import CiderD, bleu, rouge_l, score_captions, tokenize

WORDS = "a dog runs on the green grass two men ride bikes through red water near".split()

GOLDEN_BLEU = [0.7717121588070182, 0.29621900235604465, 0.0849760613196594, 7.163635299911705e-06]
GOLDEN_CIDER = 0.569608149004257
GOLDEN_ROUGE = 0.4145738367335599


def invented(pictures: int, seed: int) -> tuple[list[list[str]], list[list[list[str]]]]:
    draw = random.Random(seed)

    def caption() -> list[str]:
        return [draw.choice(WORDS) for _ in range(draw.randint(1, 12))]

    return [caption() for _ in range(pictures)], [[caption() for _ in range(5)] for _ in range(pictures)]


def test_tokens_are_treebanks_without_punctuation() -> None:
    assert tokenize('A man\'s dog , "Rex" -- runs (fast) .') == (
        "a", "man", "'s", "dog", "rex", "runs", "-lrb-", "fast", "-rrb-",
    )  # fmt: skip


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_equal_to_coco_caption(seed: int) -> None:
    pytest.importorskip("pycocoevalcap", reason="pycocoevalcap is not installed")
    from pycocoevalcap.bleu.bleu import Bleu
    from pycocoevalcap.cider.cider import Cider
    from pycocoevalcap.rouge.rouge import Rouge

    candidates, references = invented(60, seed)
    gts = {i: [" ".join(r) for r in refs] for i, refs in enumerate(references)}
    res = {i: [" ".join(c)] for i, c in enumerate(candidates)}
    theirs = Bleu(4).compute_score(gts, res, verbose=0)[0]
    assert bleu(candidates, references) == pytest.approx(theirs, abs=1e-9)
    cider = CiderD(references)
    ours = [cider.score(i, c) for i, c in enumerate(candidates)]
    assert ours == pytest.approx(list(Cider().compute_score(gts, res)[1]), abs=1e-9)
    ours = [rouge_l(c, r) for c, r in zip(candidates, references, strict=True)]
    assert ours == pytest.approx(list(Rouge().compute_score(gts, res)[1]), abs=1e-9)


def test_golden_numbers_on_invented_captions() -> None:
    candidates, references = invented(60, 1)
    assert bleu(candidates, references) == pytest.approx(GOLDEN_BLEU, abs=1e-9)
    cider = CiderD(references)
    assert sum(cider.score(i, c) for i, c in enumerate(candidates)) / 60 == pytest.approx(
        GOLDEN_CIDER, abs=1e-9
    )
    pairs = zip(candidates, references, strict=True)
    assert sum(rouge_l(c, r) for c, r in pairs) / 60 == pytest.approx(GOLDEN_ROUGE, abs=1e-9)


def test_golden_numbers_on_flickr8k_dev(data: Path) -> None:
    """Each picture's first human caption against its other four."""
    captions = read_captions(data / "flickr8k" / "Flickr8k.token.txt")
    names = read_split(data / "flickr8k" / "Flickr_8k.devImages.txt")
    scores = score_captions(
        {name: captions[name][0] for name in names}, {name: captions[name][1:] for name in names}
    )
    assert scores == pytest.approx(
        {
            "bleu1": 62.75129488191882,
            "bleu2": 44.342979576264064,
            "bleu3": 30.708129327795987,
            "bleu4": 21.160098501492875,
            "rouge_l": 49.173408652537205,
            "cider": 80.36617887303763,
        },
        abs=1e-9,
    )


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from(WORDS), min_size=1, max_size=15))
def test_a_caption_equal_to_its_reference_is_perfect(caption: list[str]) -> None:
    assert bleu([caption], [[caption]])[0] == pytest.approx(1.0)
    assert rouge_l(caption, [caption]) == pytest.approx(1.0)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=15), st.integers(0, 4))
def test_scores_stay_in_range_even_for_empty_captions(caption: list[str], picture: int) -> None:
    _, references = invented(5, 4)
    assert all(0 <= value <= 1 for value in bleu([caption], [references[picture]]))
    assert 0 <= rouge_l(caption, references[picture]) <= 1
    assert 0 <= CiderD(references).score(picture, caption) <= 10
