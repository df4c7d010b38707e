"""A captioner of somebody else's in the place of the one that ships, run by transformers.

It is a folder in transformers' format. Its weights are read from safetensors alone, and no code that
comes with it is run: what opens it can be trusted, whatever is in it.
"""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

from PIL import Image

from model.beam import BEAM
from model.errors import BadInstallation
from model.extras import needing_eye

# Of a caption; what is longer tells a story.
_TOKENS = 40

_log = logging.getLogger(__name__)


class HubCaptioner:
    """Pictures to captions.

    Args:
        folder: of a model that transformers knows as image-to-text and that needs no prompt.
        name: as an error calls it.
        device: "cpu" or a GPU that torch knows.

    Raises:
        BadInstallation: the extra ``eye`` is not installed, or the folder holds no such model.
    """

    def __init__(self, folder: Path, name: str, device: str = "cpu") -> None:
        with needing_eye():
            import torch
            from transformers import AutoImageProcessor, AutoModelForImageTextToText, AutoTokenizer, logging

        logging.set_verbosity_error()
        logging.disable_progress_bar()
        safe: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
        try:
            self._tokenizer = AutoTokenizer.from_pretrained(folder, **safe)
            self._processor = AutoImageProcessor.from_pretrained(folder, **safe)
            model = AutoModelForImageTextToText.from_pretrained(
                folder, use_safetensors=True, dtype=torch.float32, **safe
            )
            self._model = model.eval().to(device)
        except Exception as error:
            raise BadInstallation(
                f"The captioner {name} cannot be loaded ({type(error).__name__}): name one of "
                "transformers' image-to-text models, with weights in safetensors and no code of its own."
            ) from error
        self.name, self._device = name, device

    def caption(self, picture: Image.Image, beam: int = BEAM) -> str:
        """Describe one RGB picture; "" where that does not work, and then the log says so."""
        import torch

        try:
            pixels = self._processor(images=picture, return_tensors="pt")["pixel_values"]
            with torch.inference_mode():
                said = self._model.generate(
                    pixel_values=pixels.to(self._device),
                    num_beams=beam,
                    do_sample=False,
                    max_new_tokens=_TOKENS,
                )
            caption = _sentence(str(self._tokenizer.decode(said[0], skip_special_tokens=True)))
        except torch.cuda.OutOfMemoryError:
            # Once more with its cache emptied; see ``bot.engine.models``.
            raise
        except Exception as error:
            if "CUDA error" in str(error):
                raise
            _log.warning("The other captioner failed: %s; ours describes the picture.", type(error).__name__)
            return ""
        if not caption:
            _log.warning("The other captioner says nothing: ours describes the picture.")
        return caption


def _sentence(text: str) -> str:
    """As ours says it: one line, without a capital and a full stop; "" where there is no word in it."""
    line = " ".join(text.replace(";", ",").split()).strip(" .")
    return line[:1].lower() + line[1:] if re.search(r"[^\W\d_]", line) else ""
