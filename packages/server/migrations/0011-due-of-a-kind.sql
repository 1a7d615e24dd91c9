-- What is overdue is looked for by itself, so that no flood of other due work keeps its page waiting.
CREATE INDEX due_kind_at ON due (kind, at);
