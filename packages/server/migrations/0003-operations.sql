-- What the log does not say: documents it names by digest, and the state of work in hand.
CREATE TABLE blobs (
  commitment TEXT PRIMARY KEY,
  salt TEXT NOT NULL,
  text TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE bundles (
  digest TEXT PRIMARY KEY,
  files TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE rosters (
  digest TEXT PRIMARY KEY,
  envelope TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE nonces (
  nonce TEXT PRIMARY KEY,
  expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The first durable result of a command, under the digest of the act that asked for it (INV-22). Keys are
-- random, so their index is kept off the commit path: it lags behind, up to `result_mark`.
CREATE TABLE results (
  seq INTEGER PRIMARY KEY,
  key TEXT NOT NULL,
  size INTEGER NOT NULL,
  result TEXT NOT NULL
) STRICT;
-- The first 8 bytes of a digest tell almost all keys apart, and make a tree of a fifth of the size.
CREATE TABLE result_keys (
  start BLOB NOT NULL,
  seq INTEGER NOT NULL,
  PRIMARY KEY (start, seq)
) STRICT, WITHOUT ROWID;
CREATE TABLE result_mark (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  seq INTEGER NOT NULL
) STRICT;
INSERT INTO result_mark VALUES (1, 0);

CREATE TABLE notices (
  id TEXT PRIMARY KEY,
  at INTEGER NOT NULL,
  kind TEXT NOT NULL,
  grant_id TEXT,
  payload TEXT NOT NULL,
  delivered_at INTEGER,
  attempts INTEGER NOT NULL DEFAULT 0,
  retry_at INTEGER
) STRICT;
CREATE INDEX notices_waiting ON notices (retry_at) WHERE delivered_at IS NULL;
CREATE INDEX notices_grant ON notices (grant_id);

CREATE TABLE sealed (
  grant_id TEXT NOT NULL,
  target TEXT NOT NULL,
  reveal_id TEXT NOT NULL,
  jwe TEXT NOT NULL,
  receipt TEXT NOT NULL,
  PRIMARY KEY (grant_id, target)
) STRICT, WITHOUT ROWID;

-- Refusals that got no entry of their own, until a summary entry says how many.
CREATE TABLE refusal_counts (
  code TEXT PRIMARY KEY,
  first_at INTEGER NOT NULL,
  count INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Refusal entries per principal in the current minute.
CREATE TABLE refusal_quota (
  subject TEXT PRIMARY KEY,
  minute INTEGER NOT NULL,
  entries INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
