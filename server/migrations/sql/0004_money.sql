-- Sub-accounts, reversals, reserves, interest, deferrals, ratios by month.

-- The centre's own books are those of unit 0: what belongs to no unit, or not yet.
insert into unit (unit_id, name, uscc, county, status, opened_day, unit_ratio, personal_ratio, paid_through)
    values (0, '中心', '', '', '01', '2000-01-01', 0, 0, 0);

-- Interest is a matter of balance x days. A moment is the sum over all credits of amount x day
-- number (days since 2000-01-01), so that up to any day d the product is balance x d - moment:
-- posting adds to it without reading a clock of its own. ``prior`` is the part of the balance that
-- was there at the last settlement (上年结转); ``opening`` the balance then.
alter table account add column moment bigint not null default 0;
update account set moment = balance_fen * (product_day - date '2000-01-01') - product;
alter table account
    drop column product,
    drop column product_day,
    add column prior_fen fen not null default 0,
    add column prior_moment bigint not null default 0,
    add column opening_fen fen not null default 0;

alter table unit
    add column reserved_fen fen not null default 0,   -- prepayment promised to payments in flight
    add check (reserved_fen between 0 and prepayment_fen);

-- The ratios from a month on. What came before the first row goes by today's (unit.unit_ratio).
create table unit_ratio (
    unit_id bigint not null references unit,
    from_month month not null,
    unit_ratio int not null check (unit_ratio between 0 and 10000),
    personal_ratio int not null check (personal_ratio between 0 and 10000),
    primary key (unit_id, from_month)
);
insert into unit_ratio
    select unit_id, least(paid_through + 1,
                          coalesce((select min(month) from entry e where e.unit_id = u.unit_id), paid_through + 1)),
           unit_ratio, personal_ratio
    from unit u where unit_id <> 0;

-- 缓缴: months [from_month, until_month] are not remitted; they are made up later.
create table deferral (
    unit_id bigint not null references unit,
    from_month month not null,
    until_month month not null check (until_month >= from_month - 1),
    granted_day date not null,
    ended_day date,
    primary key (unit_id, from_month)
);

alter table txn
    drop constraint txn_total_fen_check,              -- a reversal takes back
    add column kind text,                             -- the business's sub-type
    add column reverses bigint,                       -- 冲账: the txn that this one takes back
    add column paid_before month,                     -- the unit's paid-through month until then
    add unique (unit_id, reverses),
    add foreign key (unit_id, reverses) references txn (unit_id, txn_id);

-- '219' stands in lines of before this version: it was the prepayment account.
alter table posting drop constraint posting_debit_check, drop constraint posting_credit_check;
alter table posting
    add constraint posting_debit_check check (debit in ('101', '102', '201', '211', '219', '21901', '21902',
        '21903', '21904', '311', '40101', '40102', '40105', '41101', '41102')),
    add constraint posting_credit_check check (credit in ('101', '102', '201', '211', '219', '21901', '21902',
        '21903', '21904', '311', '40101', '40102', '40105', '41101', '41102'));
create or replace view voucher_line as
    select unit_id, txn_id, line, case debit when '219' then '21901' else debit end as gl,
           amount_fen as dr_fen, 0::bigint as cr_fen from posting
    union all
    select unit_id, txn_id, line, case credit when '219' then '21901' else credit end,
           0::bigint, amount_fen from posting;

-- A person's month is corrected at most once (错缴更正).
create table correction (
    unit_id bigint not null,
    acct_id bigint not null,
    month month not null,
    txn_id bigint not null,
    primary key (unit_id, acct_id, month),
    foreign key (unit_id, txn_id) references txn
);

create index person_account on person (unit_id, acct_id);

-- A batch whose business was taken back at the counter.
alter table batch drop constraint batch_state_check;
alter table batch add constraint batch_state_check check (state in ('saved', 'paying', 'posted', 'reversed'));

-- A payment may go out, too (refund), belongs to no batch then, and may use reserved prepayment.
alter table payment
    alter column batch_id drop not null,
    add column direction text not null default 'in' check (direction in ('in', 'out')),
    add column reserved_fen fen not null default 0 check (reserved_fen >= 0);
drop index payment_one_in_flight;
create unique index payment_one_in_flight on payment (unit_id, business)
    where state in ('pending', 'sent', 'unknown', 'collected') and direction = 'in';

grant select on unit_ratio, deferral, correction to hpf_app;
grant insert on unit_ratio, correction to hpf_app;
grant insert, update on deferral to hpf_app;
