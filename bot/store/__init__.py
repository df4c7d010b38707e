"""What the bot remembers: one SQLite file, one writer."""

from bot.store.claim import claimed
from bot.store.errors import BadStore, DatabaseInUse, StoreError
from bot.store.records import JobRecord, Output, ServerSettings, Stats, Tally, new_id
from bot.store.store import Store

__all__ = [
    "BadStore",
    "DatabaseInUse",
    "JobRecord",
    "Output",
    "ServerSettings",
    "Stats",
    "Store",
    "StoreError",
    "Tally",
    "claimed",
    "new_id",
]
