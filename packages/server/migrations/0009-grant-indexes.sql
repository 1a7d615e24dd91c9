-- What is asked inside the writer, or at each scrape, reads the grants it speaks of and no others, however many have ended.
CREATE INDEX grants_phase ON grants (phase, asked_idx);
CREATE INDEX grants_requester_phase ON grants (requester, phase, asked_idx);
CREATE INDEX grants_review_open ON grants (asked_idx) WHERE review_open = 1;
CREATE INDEX grants_reviews_of ON grants (requester, review_overdue) WHERE review_open = 1;
