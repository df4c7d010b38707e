"""A captioner in transformers' format with a few thousand random weights, as a folder."""

from __future__ import annotations

from pathlib import Path

SPECIAL = "[PAD] [UNK] [CLS] [SEP] [MASK]".split()
WORDS = "a dog cat runs in the snow on boat sea red man woman".split()


def save_captioner(folder: Path) -> Path:
    """One of GIT's kind that says words of ``WORDS`` and never ends before it has to."""
    import torch
    from transformers import BertTokenizer, GitConfig, GitForCausalLM, ViTImageProcessor

    folder.mkdir(parents=True, exist_ok=True)
    numbers = {word: number for number, word in enumerate([*SPECIAL, *WORDS])}
    ends = {"bos_token": "[CLS]", "eos_token": "[SEP]"}
    BertTokenizer(vocab=numbers, **ends).save_pretrained(folder)
    ViTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)
    small = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    torch.manual_seed(0)
    config = GitConfig(
        vision_config={**small, "image_size": 32, "patch_size": 16},
        **small,
        vocab_size=len(SPECIAL) + len(WORDS),
        pad_token_id=0,
        bos_token_id=2,
        eos_token_id=3,
    )
    model = GitForCausalLM(config)
    model.generation_config.suppress_tokens = list(range(len(SPECIAL)))
    model.save_pretrained(folder)
    return folder
