"""The tables, as the steps that lead to them. A step that was released is never changed."""

from __future__ import annotations

import secrets

from sqlite_utils import Database, Migrations

# "NSng": tells this program's databases from others' (https://sqlite.org/fileformat2.html#application_id).
APPLICATION_ID = 0x4E536E67
PSEUDONYM_KEY = "pseudonym_key"

migrations = Migrations("songwriter")

_FIRST_TABLES = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT",
    """CREATE TABLE servers (
        server INTEGER PRIMARY KEY,
        channels TEXT NOT NULL,
        temperature REAL,
        cooldown REAL,
        reactions TEXT,
        ratings INTEGER NOT NULL
    ) STRICT""",
    "CREATE TABLE opt_outs (user INTEGER PRIMARY KEY, since REAL NOT NULL) STRICT",
    """CREATE TABLE outputs (
        id TEXT PRIMARY KEY,
        user INTEGER NOT NULL,
        server TEXT,
        channel INTEGER,
        message INTEGER,
        caption TEXT,
        keywords TEXT NOT NULL,
        lines TEXT NOT NULL,
        seed TEXT NOT NULL,
        style TEXT NOT NULL,
        mood TEXT,
        line_count INTEGER NOT NULL,
        temperature REAL NOT NULL,
        random_seed INTEGER NOT NULL,
        captioner TEXT NOT NULL,
        generator TEXT NOT NULL,
        created REAL NOT NULL
    ) STRICT""",
    "CREATE INDEX outputs_user ON outputs (user)",
    "CREATE INDEX outputs_server ON outputs (server)",
    "CREATE INDEX outputs_message ON outputs (message)",
    "CREATE INDEX outputs_created ON outputs (created)",
    # A higher id is a later rating: SQLite gives a new row one more than the highest there is.
    """CREATE TABLE ratings (
        id INTEGER PRIMARY KEY,
        output TEXT NOT NULL REFERENCES outputs (id) ON DELETE CASCADE,
        user INTEGER NOT NULL,
        reaction TEXT NOT NULL,
        bot INTEGER NOT NULL,
        rated_at REAL NOT NULL,
        UNIQUE (output, user, reaction)
    ) STRICT""",
    "CREATE INDEX ratings_user ON ratings (user)",
    """CREATE TABLE quotas (
        user INTEGER NOT NULL,
        day TEXT NOT NULL,
        used INTEGER NOT NULL,
        PRIMARY KEY (user, day)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE jobs (
        id TEXT PRIMARY KEY,
        user INTEGER NOT NULL,
        kind TEXT NOT NULL,
        status TEXT NOT NULL,
        created REAL NOT NULL,
        seconds TEXT NOT NULL
    ) STRICT""",
    "CREATE INDEX jobs_user ON jobs (user)",
    "CREATE INDEX jobs_created ON jobs (created)",
)


@migrations()
def first_tables(db: Database) -> None:
    """Everything, and the key of the pseudonyms."""
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    for statement in _FIRST_TABLES:
        db.execute(statement)
    db.execute("INSERT INTO meta VALUES (?, ?)", (PSEUDONYM_KEY, secrets.token_hex(32)))


@migrations()
def authors(db: Database) -> None:
    """Whose pictures an output is about; until now nearly always who asked."""
    db.execute("ALTER TABLE outputs ADD COLUMN author INTEGER")
    db.execute("UPDATE outputs SET author = user WHERE caption IS NOT NULL")
    db.execute("CREATE INDEX outputs_author ON outputs (author)")


@migrations()
def recipes(db: Database) -> None:
    """How to write an output again; older programs cannot be asked to."""
    db.execute("ALTER TABLE outputs ADD COLUMN recipe TEXT")


@migrations()
def choices(db: Database) -> None:
    """A server's choices become one text, in which a new one needs no column; see ``ServerSettings``."""
    db.execute("CREATE TABLE chosen (server INTEGER PRIMARY KEY, choices TEXT NOT NULL) STRICT")
    db.execute(
        "INSERT INTO chosen SELECT server, json_object('channels', json(channels),"
        " 'temperature', temperature, 'cooldown', cooldown, 'reactions', json(reactions),"
        " 'ratings', json(iif(ratings, 'true', 'false'))) FROM servers"
    )
    db.execute("DROP TABLE servers")
    db.execute("ALTER TABLE chosen RENAME TO servers")


@migrations()
def spoilers(db: Database) -> None:
    """Which outputs are about pictures that are hidden until somebody presses them."""
    db.execute("ALTER TABLE outputs ADD COLUMN spoiler INTEGER NOT NULL DEFAULT 0")


@migrations()
def server_quotas(db: Database) -> None:
    """What servers with a quota have used of a day's."""
    db.execute(
        "CREATE TABLE server_quotas (server INTEGER NOT NULL, day TEXT NOT NULL, used INTEGER NOT NULL,"
        " PRIMARY KEY (server, day)) STRICT, WITHOUT ROWID"
    )


@migrations()
def servers_data(db: Database) -> None:
    """When the bot left a server, and which songs only one person saw; of older ones nobody knows."""
    db.execute("ALTER TABLE servers ADD COLUMN left_at REAL")
    db.execute("ALTER TABLE outputs ADD COLUMN private INTEGER NOT NULL DEFAULT 1")
