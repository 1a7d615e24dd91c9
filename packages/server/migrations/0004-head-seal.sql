-- The server's own mark on (origin, size, root): what was appended without its key does not bear it.
ALTER TABLE head ADD COLUMN seal BLOB;
