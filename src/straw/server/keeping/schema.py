"""The tables of the journal.

    requests     one row each, from before it is answered until its result has aged
    models       who trains what, and where its last saved state lies: at which request, in which folder
    samplers     sampling sessions: whose weights
    checkpoints  what tinker:// paths name

A request has its body until nobody needs it again: a sample until it is drawn, a training request until a saved state
of the model lies behind it.
"""

SCHEMA = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sessions (
  id TEXT PRIMARY KEY, owner TEXT NOT NULL, opened REAL NOT NULL, seen REAL NOT NULL, finished REAL,
  about TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS models (
  id TEXT PRIMARY KEY, session TEXT NOT NULL, owner TEXT NOT NULL, base TEXT NOT NULL, shape TEXT NOT NULL,
  about TEXT NOT NULL, floor INTEGER NOT NULL, state_seq INTEGER NOT NULL, state TEXT, asked REAL NOT NULL,
  closed INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS models_of_session ON models(session);
CREATE TABLE IF NOT EXISTS samplers (
  id TEXT PRIMARY KEY, session TEXT NOT NULL, owner TEXT NOT NULL, base TEXT NOT NULL, path TEXT, model TEXT,
  weights TEXT, folder TEXT, made REAL NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS samplers_of_session ON samplers(session);
CREATE TABLE IF NOT EXISTS requests (
  position INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, place TEXT NOT NULL, seq INTEGER NOT NULL,
  kind TEXT NOT NULL, owner TEXT NOT NULL, body BLOB, accepted REAL NOT NULL, done REAL, form TEXT, outcome BLOB);
CREATE INDEX IF NOT EXISTS requests_in_order ON requests(place, seq);
CREATE INDEX IF NOT EXISTS requests_pending ON requests(position) WHERE done IS NULL;
CREATE INDEX IF NOT EXISTS requests_done ON requests(done) WHERE done IS NOT NULL;
CREATE TABLE IF NOT EXISTS checkpoints (
  path TEXT PRIMARY KEY, run TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, owner TEXT NOT NULL,
  folder TEXT NOT NULL, base TEXT NOT NULL, shape TEXT NOT NULL, made REAL NOT NULL, size INTEGER NOT NULL,
  public INTEGER NOT NULL, expires REAL, about TEXT) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS checkpoints_of_run ON checkpoints(run);
"""
