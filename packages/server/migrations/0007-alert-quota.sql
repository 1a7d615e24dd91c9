-- How often somebody was told of the same thing since `since`. Past a limit it is entered in the log and told no more.
CREATE TABLE alert_quota (
  subject TEXT PRIMARY KEY,
  since INTEGER NOT NULL,
  alerts INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
