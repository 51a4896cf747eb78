-- What the queries look for.

-- What was changed on people's accounts, by kind, newest last: a unit of 8,000 people has a hundred
-- thousand such rows in ten years, nearly all of them the yearly bases.
create index event_kind on event (unit_id, std, txn_id, acct_id);
