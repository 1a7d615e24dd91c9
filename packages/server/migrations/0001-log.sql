-- The log. All that an entry says is inside `bytes`; the other columns only find it again.
CREATE TABLE entries (
  idx INTEGER PRIMARY KEY,
  -- The subject's previous entry. Following it replaces an index on the commit path.
  prev_idx INTEGER,
  leaf BLOB NOT NULL,
  bytes BLOB NOT NULL
) STRICT;

-- Roots of full subtrees of 256 hashes of the tile level below (C2SP tlog-tiles).
CREATE TABLE tiles (
  level INTEGER NOT NULL,
  idx INTEGER NOT NULL,
  hash BLOB NOT NULL,
  PRIMARY KEY (level, idx)
) STRICT, WITHOUT ROWID;

-- What the last signed checkpoint says. Written before its signature can leave (INV-13).
CREATE TABLE head (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  origin TEXT NOT NULL,
  size INTEGER NOT NULL,
  root BLOB NOT NULL,
  at INTEGER NOT NULL
) STRICT;
