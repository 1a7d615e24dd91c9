-- The entries that hold a line of an earlier journal. Without it the start would read every entry about the log itself.
CREATE TABLE journal_imports (idx INTEGER PRIMARY KEY) STRICT;
