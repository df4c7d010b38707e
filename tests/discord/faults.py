"""What can be made to go wrong with a request."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.discord.traffic import matches


@dataclass
class Fault:
    """Hits requests by method and path, ``times`` of them (None: all).

    Attributes:
        status: answered instead of handling the request; None leaves the handling alone.
        code, message: Discord's error code and text, for 4xx.
        retry_after: seconds, for 429.
        headers: added to the answer, such as ``Location``.
        delay: seconds before anything else.
        drop: cut the connection without handling the request.
        lose_answer: handle the request, then cut the connection.
        hits: how many requests it met.
    """

    method: str
    pattern: str
    times: int | None = 1
    status: int | None = None
    code: int = 0
    message: str = "Injected"
    retry_after: float = 0.05
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    drop: bool = False
    lose_answer: bool = False
    hits: int = 0

    def answer(self) -> tuple[dict[str, str], Any]:
        """Headers and body of the injected answer: JSON, or text as a proxy in front would say it."""
        if self.status == 429:
            headers = {"Via": "1.1 google", "Retry-After": str(round(self.retry_after) or 1)}
            text = "You are being rate limited."
            return headers | self.headers, {
                "message": text,
                "retry_after": self.retry_after,
                "global": False,
                "code": self.code,
            }
        if self.status and 400 <= self.status < 500:
            return self.headers, {"message": self.message, "code": self.code}
        return self.headers, f"error code: {self.status}"


class Faults:
    """The faults in force, oldest first; a request meets the first that fits."""

    def __init__(self) -> None:
        self._planned: list[Fault] = []

    def add(self, fault: Fault) -> Fault:
        self._planned.append(fault)
        return fault

    def clear(self) -> None:
        self._planned.clear()

    def meet(self, method: str, path: str) -> Fault | None:
        """The fault for this request, counted."""
        for fault in self._planned:
            spent = fault.times is not None and fault.hits >= fault.times
            if not spent and fault.method in ("*", method) and matches(fault.pattern, path):
                fault.hits += 1
                return fault
        return None
