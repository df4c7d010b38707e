"""Discord's refusals, by number."""

from __future__ import annotations

from typing import Any

_KNOWN = {
    0: (404, "404: Not Found"),
    10003: (404, "Unknown Channel"),
    10004: (404, "Unknown Guild"),
    10007: (404, "Unknown Member"),
    10008: (404, "Unknown Message"),
    10013: (404, "Unknown User"),
    10015: (404, "Unknown Webhook"),
    10062: (404, "Unknown interaction"),
    30010: (400, "Maximum number of reactions reached (20)"),
    40001: (401, "401: Unauthorized"),
    40005: (413, "Request entity too large"),
    40060: (400, "Interaction has already been acknowledged."),
    40094: (400, "This interaction has reached its maximum number of follow up messages"),
    50001: (403, "Missing Access"),
    50005: (403, "Cannot edit a message authored by another user"),
    50006: (400, "Cannot send an empty message"),
    50013: (403, "Missing Permissions"),
    50024: (400, "Cannot execute action on this channel type"),
    50027: (401, "Invalid Webhook Token"),
    50035: (400, "Invalid Form Body"),
    160002: (400, "Cannot reply without permission to read message history"),
    160004: (400, "A thread has already been created for this message"),
}


class Refused(Exception):
    """A request that Discord answers with an error.

    Args:
        code: one of Discord's JSON error codes.
        field: for 50035, the part of the body that is wrong.
        reason: for 50035, what is wrong with it.
        kind: for 50035, Discord's name of that mistake.
    """

    def __init__(self, code: int, field: str = "", reason: str = "", kind: str = "BASE_TYPE_INVALID") -> None:
        self.status, message = _KNOWN[code]
        super().__init__(message)
        self.body: dict[str, Any] = {"message": message, "code": code}
        if field:
            self.body["errors"] = {field: {"_errors": [{"code": kind, "message": reason}]}}
