"""Which arithmetic a device is fast at."""

from __future__ import annotations

import torch


def native_bfloat16(device: torch.device) -> bool:
    """Whether bfloat16 pays: on GPUs, and on CPUs that have instructions for it."""
    if device.type == "cuda":
        return True
    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    return bool(supported())
