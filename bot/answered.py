"""Which messages have had their answer, so that none gets another one however often it is edited."""

from __future__ import annotations

from collections import OrderedDict

# Far more than are answered while people still edit the first of them.
_REMEMBERED = 10_000


class Answered:
    """A bounded memory of messages' ids.

    Args:
        since: the first id of which anything is known here: an older message may have been answered
            by the process before this one, so an edit of it changes nothing.
    """

    def __init__(self, since: int) -> None:
        self._since = since
        self._ids: OrderedDict[int, None] = OrderedDict()

    def __contains__(self, message: int) -> bool:
        return message in self._ids

    def may_still_be(self, message: int) -> bool:
        """Whether a message that was edited is one of those that are known not to be answered yet."""
        return message >= self._since and message not in self._ids

    def claim(self, message: int) -> bool:
        """Whether the answer is the caller's to give; nobody else gets a yes for this message."""
        if message in self._ids:
            return False
        self._ids[message] = None
        while len(self._ids) > _REMEMBERED:
            forgotten, _ = self._ids.popitem(last=False)
            # Ids grow with time: what is as old as one that is forgotten is not known any more.
            self._since = max(self._since, forgotten + 1)
        return True
