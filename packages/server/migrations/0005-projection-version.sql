-- Which projector made the tables of 0002. Another one makes them anew from the entries (store/replay.ts).
CREATE TABLE projected (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  version INTEGER NOT NULL
) STRICT;
INSERT INTO projected VALUES (1, 0);
