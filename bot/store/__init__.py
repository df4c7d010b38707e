"""What the bot remembers: one SQLite file, one writer."""

from bot.store.errors import BadStore, StoreError
from bot.store.records import JobRecord, Output, ServerSettings, Stats, Tally, new_id
from bot.store.store import Store

__all__ = [
    "BadStore",
    "JobRecord",
    "Output",
    "ServerSettings",
    "Stats",
    "Store",
    "StoreError",
    "Tally",
    "new_id",
]
