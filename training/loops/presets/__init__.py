"""Named settings of the training runs: a TOML file each, beside this module."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from model.errors import BadOption
from training.loops.options import CaptionerOptions, GeneratorOptions

PRESETS = ("original", "cpu-10min", "default", "gpu-large")
DEFAULT = "default"


def generator_options(preset: str, given: Mapping[str, Any]) -> GeneratorOptions:
    """A preset's options, those that were given taking precedence.

    Raises:
        BadOption: a value is out of its range.
    """
    options = _read(preset)["generator"]
    if "epochs" in given:
        # Minutes end a run before epochs are counted: whoever gives only epochs means those.
        options.pop("minutes", None)
    return GeneratorOptions(**{**options, **given})


def captioner_options(preset: str, stage: str, given: Mapping[str, Any]) -> CaptionerOptions:
    """A preset's options for a stage, those that were given taking precedence.

    Raises:
        BadOption: the preset has nothing for the stage, or a value is out of its range.
    """
    stages = _read(preset).get("captioner", {})
    if stage not in stages:
        raise BadOption(f"The preset '{preset}' says nothing of the captioner's stage '{stage}'.")
    return CaptionerOptions(**{**stages[stage], **given, "stage": stage})


def _read(preset: str) -> dict[str, Any]:
    return tomllib.loads((Path(__file__).parent / f"{preset}.toml").read_text("utf-8"))
