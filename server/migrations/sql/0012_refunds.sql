-- A refund that the bank refused is owed until something takes its place, once: ``settled_by`` is
-- the payment that asks the bank again, or the txn that put it into the prepayment account.
alter table payment
    add column settled_by bigint,
    add check (settled_by is null or (direction = 'out' and state = 'failed'));
create index payment_owed on payment (unit_id)
    where direction = 'out' and state = 'failed' and settled_by is null;
