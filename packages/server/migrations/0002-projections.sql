-- Everything here is computed from entries, by store/project.ts alone, and can be computed again (INV-14).
-- The last entry of each subject.
CREATE TABLE subjects (
  subject TEXT PRIMARY KEY,
  idx INTEGER NOT NULL,
  id TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- The first entry that holds an act.
CREATE TABLE acts (
  digest TEXT PRIMARY KEY,
  idx INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- `subjects` and `acts` are those of the first `size` entries: they lag behind, off the commit path.
CREATE TABLE places_mark (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  size INTEGER NOT NULL
) STRICT;
INSERT INTO places_mark VALUES (1, 0);

CREATE TABLE grants (
  id TEXT PRIMARY KEY,
  asked_idx INTEGER NOT NULL UNIQUE,
  phase TEXT NOT NULL,
  requester TEXT NOT NULL,
  entitlement TEXT NOT NULL,
  system TEXT,
  drill INTEGER NOT NULL,
  activated_at INTEGER,
  review_open INTEGER NOT NULL,
  review_overdue INTEGER NOT NULL,
  state TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX grants_activated ON grants (activated_at) WHERE activated_at IS NOT NULL;
CREATE INDEX grants_requester ON grants (requester, asked_idx);

-- Orders to open, as long as their target is not settled.
CREATE TABLE open_targets (
  grant_id TEXT NOT NULL,
  target TEXT NOT NULL,
  enforcer TEXT NOT NULL,
  revoke_slo_seconds INTEGER NOT NULL,
  PRIMARY KEY (grant_id, target)
) STRICT, WITHOUT ROWID;

CREATE TABLE due (
  kind TEXT NOT NULL,
  subject TEXT NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (kind, subject)
) STRICT, WITHOUT ROWID;
CREATE INDEX due_at ON due (at);

CREATE TABLE incidents (
  id TEXT PRIMARY KEY,
  open INTEGER NOT NULL,
  state TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE policy_changes (
  digest TEXT PRIMARY KEY,
  proposed_by TEXT NOT NULL,
  proposed_at INTEGER NOT NULL,
  approvers TEXT NOT NULL,
  applied_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE policies_applied (
  idx INTEGER PRIMARY KEY,
  digest TEXT NOT NULL
) STRICT;

CREATE TABLE roster_versions (
  version INTEGER PRIMARY KEY,
  digest TEXT NOT NULL
) STRICT;

CREATE TABLE receipts (
  enforcer TEXT PRIMARY KEY,
  seq INTEGER NOT NULL,
  digest TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE erased (
  commitment TEXT PRIMARY KEY,
  idx INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
