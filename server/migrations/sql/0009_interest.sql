-- Settlement runs and what each account was credited.

-- One run a year, in ranges of units; each range is settled in one transaction, by whoever comes.
create table settlement (
    year int primary key,
    state text not null default 'running' check (state in ('running', 'done')),
    method text not null,
    includes_settlement_day boolean not null,
    is_segmented boolean not null,
    prior_rate int not null,                   -- hundred-thousandths, as listed on the settlement day
    current_rate int not null,
    shortfall_fen fen,                         -- what was not accrued before, or was too much
    started_by text not null,
    started_at timestamptz not null default clock_timestamp(),
    finished_at timestamptz,
    check ((state = 'done') = (finished_at is not null and shortfall_fen is not null))
);
create table settlement_range (
    year int not null references settlement,
    after_unit bigint not null,                -- the units after this one
    upto_unit bigint not null,                 -- and up to this one
    units int not null default 0,              -- that were credited something
    accounts bigint not null default 0,
    interest_fen fen not null default 0,
    done_at timestamptz,
    primary key (year, after_unit)
);

-- 结息对账单: an interest entry says, besides, what the year was for the account. Every account that
-- there was on the settlement day gets one, if only of 0.00; so the statement costs no second row.
alter table entry
    add column opening_fen fen,                -- carried over from the year before
    add column out_fen fen,                    -- taken out in the year
    add column prior_interest_fen fen,         -- the share of what was carried over
    add column closing_fen fen;                -- with the interest; balance_fen may know of more
create view interest_statement as
    select unit_id, acct_id, month / 12 as year, opening_fen,
           closing_fen - amount_fen - opening_fen + out_fen as in_fen, out_fen,
           amount_fen as interest_fen, prior_interest_fen, closing_fen, txn_id
    from entry where closing_fen is not null;

-- A late settlement looks for what was posted since; so does whoever closes a day.
create index txn_day on txn (biz_day, unit_id);

grant select on settlement, settlement_range, interest_statement to hpf_app;
grant insert, update on settlement, settlement_range to hpf_app;
