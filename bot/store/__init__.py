"""What the bot remembers: one SQLite file, one writer."""

from bot.store.errors import BadStore, StoreError
from bot.store.records import Job, Output, ServerSettings, Stats, Tally, new_id
from bot.store.store import Store

__all__ = [
    "BadStore",
    "Job",
    "Output",
    "ServerSettings",
    "Stats",
    "Store",
    "StoreError",
    "Tally",
    "new_id",
]
