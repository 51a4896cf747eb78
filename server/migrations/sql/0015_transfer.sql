-- 个人转移: an account moves to another unit, and its history goes along.

-- 99: it is another unit's now. The row stays with the entries of its time here, and holds nothing.
alter table account drop constraint account_status_check;
alter table account
    add constraint account_status_check check (status in ('01', '02', '03', '04', '05', '99')),
    add column arrived bigint not null default 0,   -- the transfer's place in the unit's chain; 0: opened here
    add column brought_through month,               -- paid through, when it arrived
    add constraint account_moved_away check (
        status <> '99' or (balance_fen = 0 and moment = 0 and prior_fen = 0 and prior_moment = 0
                           and opening_fen = 0));

-- The earlier stays of an account that a unit has or had, the oldest first: the entries between two
-- places of that unit's chain, without the transfers themselves. Each further transfer copies the
-- list and adds one, so that nobody has to follow a way from unit to unit.
create table stay (
    unit_id bigint not null,
    acct_id bigint not null,
    nth int not null,
    in_unit bigint not null,
    after_position bigint not null,
    upto_position bigint not null,
    primary key (unit_id, acct_id, nth)
);

-- What was posted on an account before it came to the unit that has it.
create view earlier_entry as
    select s.unit_id, s.acct_id, s.nth, c.position, s.in_unit, e.txn_id, e.month, e.biz_day, e.unit_fen,
           e.amount_fen, e.balance_fen, e.opening_fen, e.out_fen, e.prior_interest_fen, e.closing_fen
    from stay s
    join chain c on c.unit_id = s.in_unit and c.position > s.after_position
                and c.position < s.upto_position
    join entry e on e.unit_id = c.unit_id and e.txn_id = c.txn_id and e.acct_id = s.acct_id;

-- Whom a unit looked up in another, each person once a day. The digest is keyed: nobody reads a
-- number out of it.
create table look (
    unit_id bigint not null references unit,
    day date not null,
    sought_sha256 bytea not null check (octet_length(sought_sha256) = 32),
    primary key (unit_id, day, sought_sha256)
);

grant select, insert on stay, look to hpf_app;
grant select on earlier_entry to hpf_app;
