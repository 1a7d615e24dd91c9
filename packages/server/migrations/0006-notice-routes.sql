-- One row for each way out that a notice takes: each is tried, counted and done by itself.
CREATE TABLE notice_routes (
  notice TEXT NOT NULL REFERENCES notices (id),
  route TEXT NOT NULL,
  page INTEGER NOT NULL,
  delivered_at INTEGER,
  attempts INTEGER NOT NULL DEFAULT 0,
  retry_at INTEGER NOT NULL,
  -- The route is configured no more. Another has the notice then.
  gone_at INTEGER,
  PRIMARY KEY (notice, route)
) STRICT, WITHOUT ROWID;
CREATE INDEX notice_routes_waiting ON notice_routes (route, page DESC, retry_at)
  WHERE delivered_at IS NULL AND gone_at IS NULL;
CREATE INDEX notice_routes_next ON notice_routes (retry_at)
  WHERE delivered_at IS NULL AND gone_at IS NULL;

-- The routes that what waits was last handed to.
CREATE TABLE adopted_routes (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  routes TEXT NOT NULL
) STRICT;
INSERT INTO adopted_routes VALUES (1, '');

-- `notices.delivered_at` is when the last of its routes took it. Its own `attempts` and `retry_at` are those of 0003.
DROP INDEX notices_waiting;
CREATE INDEX notices_undelivered ON notices (at, id) WHERE delivered_at IS NULL;

-- What has not been told is not forgotten, by whatever statement (Q-07).
CREATE TRIGGER notices_stay BEFORE DELETE ON notices
  BEGIN SELECT RAISE(ABORT, 'a notice is never deleted'); END;
CREATE TRIGGER notice_routes_stay BEFORE DELETE ON notice_routes
  BEGIN SELECT RAISE(ABORT, 'a delivery is never deleted'); END;
