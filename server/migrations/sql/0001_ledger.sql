-- Units, person accounts, the ledger, batches, payments, receipts.
-- Rules of the schema (server/README.md, decisions 2-6): unit_id comes first in every key; the ledger
-- is written by insert only; what must be unique across units has a table of its own.

create domain fen as bigint;
create domain month as int;                  -- year * 12 + month - 1

create table centre (
    only_one boolean primary key default true check (only_one),
    name text not null,
    business_day date not null,
    code_key bytea not null default sha256(gen_random_uuid()::text::bytea || gen_random_uuid()::text::bytea)
);

create table parameter (
    key text not null,
    scope text not null default '',            -- a county's code where the value differs by county
    from_day date not null,
    value text not null,
    set_by text not null,
    set_at timestamptz not null default now(),
    primary key (key, scope, from_day)
);

create table unit (
    unit_id bigint primary key,
    name text not null,
    uscc text not null,
    county text not null,
    status text not null default '02' check (status in ('01', '02', '03', '04', '05')),
    opened_day date not null,
    unit_ratio int not null check (unit_ratio between 0 and 10000),
    personal_ratio int not null check (personal_ratio between 0 and 10000),
    paid_through month not null,
    deposits_fen fen not null default 0,                                    -- 101
    members_fen fen not null default 0 check (members_fen >= 0),            -- 201
    prepayment_fen fen not null default 0 check (prepayment_fen >= 0),      -- 219
    receipt_year int not null default 0,
    receipt_count int not null default 0,
    chain_length bigint not null default 0,
    chain_hash bytea not null default ''::bytea
);

create table bank_account (
    unit_id bigint not null references unit,
    account_no text not null,
    holder text not null,
    bank_name text not null,
    bank_code text not null,
    agreement text not null,
    is_default boolean not null,
    signed_day date not null,
    cancelled_day date,
    primary key (unit_id, account_no)
);

-- The account row carries the latest roster segment [from_month, until_month); earlier ones are in
-- ``segment``. No index on what posting changes, and half of each page free: updates stay HOT.
create table account (
    unit_id bigint not null references unit,
    acct_id bigint not null,
    name text not null,
    id_mask text not null,
    phone_mask text not null,
    status text not null check (status in ('01', '02', '03', '04', '05')),
    from_month month not null,
    until_month month not null default 2999 * 12 + 11,
    base_fen fen not null check (base_fen >= 0),
    unit_fen fen not null check (unit_fen >= 0),
    personal_fen fen not null check (personal_fen >= 0),
    balance_fen fen not null default 0 check (balance_fen >= 0),
    product bigint not null default 0,         -- fen x days up to product_day
    product_day date not null,
    paid_through month,
    is_frozen boolean not null default false,
    opened_day date not null,
    primary key (unit_id, acct_id)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);

create table segment (
    unit_id bigint not null,
    until_month month not null,
    acct_id bigint not null,
    txn_id bigint not null,                    -- the business that ended it
    from_month month not null,
    base_fen fen not null,
    unit_fen fen not null,
    personal_fen fen not null,
    primary key (unit_id, until_month, acct_id, txn_id),
    foreign key (unit_id, acct_id) references account
);

create sequence account_number start 1;

create table person (
    id_number text primary key,
    id_type text not null,
    unit_id bigint not null,
    acct_id bigint not null,
    name text not null,
    sex text,
    born date,
    phone text not null,
    work_day date,
    marriage text,
    education text,
    occupation text,
    address text,
    card text
);
create index person_phone on person (phone);

create table txn (
    unit_id bigint not null references unit,
    txn_id bigint not null,                    -- 业务流水号
    business text not null,
    biz_day date not null,
    posted_at timestamptz not null default now(),
    operator_id bigint not null,
    login_kind text not null,
    rows int not null check (rows >= 0),
    total_fen fen not null check (total_fen >= 0),
    method text,
    head jsonb not null,
    batch_id bigint,
    payment_id bigint,
    idem text not null,
    primary key (unit_id, txn_id),
    unique (unit_id, idem)
);

-- Each line debits one account and credits another by the same amount: it cannot be unbalanced.
create table posting (
    unit_id bigint not null,
    txn_id bigint not null,
    line smallint not null,
    debit text not null check (debit in ('101', '201', '219')),
    credit text not null check (credit in ('101', '201', '219')),
    amount_fen fen not null check (amount_fen <> 0),
    primary key (unit_id, txn_id, line),
    foreign key (unit_id, txn_id) references txn,
    check (debit <> credit)
);

create view voucher_line as
    select unit_id, txn_id, line, debit as gl, amount_fen as dr_fen, 0::bigint as cr_fen from posting
    union all
    select unit_id, txn_id, line, credit, 0::bigint, amount_fen from posting;

-- No foreign key to account: it would halve the speed of posting. Entries are made by INSERT..SELECT
-- over account, so the account exists.
create table entry (
    unit_id bigint not null,
    acct_id bigint not null,
    txn_id bigint not null,
    month month not null,
    biz_day date not null,
    unit_fen fen not null,
    amount_fen fen not null,
    balance_fen fen not null,                  -- after this entry, in posting order
    primary key (unit_id, acct_id, txn_id, month)
);

-- What a txn credited for one month, with a digest over its entries in account order.
create table txn_part (
    unit_id bigint not null,
    txn_id bigint not null,
    month month not null,
    persons int not null,
    amount_fen fen not null,
    digest bytea not null,
    primary key (unit_id, txn_id, month),
    foreign key (unit_id, txn_id) references txn
);

create table chain (
    unit_id bigint not null,
    position bigint not null,
    txn_id bigint not null,
    hash bytea not null,
    primary key (unit_id, position),
    unique (unit_id, txn_id)
);

-- What a business changed on a person's account besides money.
create table event (
    unit_id bigint not null,
    acct_id bigint not null,
    txn_id bigint not null,
    std text not null,
    month month not null,
    reason text,
    remark text,
    status_before text,
    base_before_fen fen,
    base_fen fen not null,
    unit_fen fen not null,
    personal_fen fen not null,
    primary key (unit_id, acct_id, txn_id)
);

create table batch (
    unit_id bigint not null references unit,
    batch_id bigint not null,
    business text not null,
    state text not null check (state in ('saved', 'paying', 'posted')),
    version int not null,
    head json not null,
    rows json not null,                        -- texts as typed
    row_count int not null,
    updated_at timestamptz not null default now(),
    updated_by bigint not null,
    primary key (unit_id, batch_id)
);

create table submission (
    unit_id bigint not null references unit,
    idem text not null,
    digest bytea not null,                     -- of the document that the operator saw and signed
    batch_id bigint not null,
    version int not null,
    only_passing boolean not null,
    left_batch_id bigint,
    txn_id bigint not null,                    -- reserved now, posted at once or when the bank has paid
    signature bytea,
    certificate_id bigint,
    at timestamptz not null default now(),
    primary key (unit_id, idem)
);

create table payment (
    unit_id bigint not null references unit,
    payment_id bigint not null,                -- also the txn's id, and the serial the bank is told
    business text not null,
    batch_id bigint not null,
    idem text not null,
    operator_id bigint not null,
    login_kind text not null,
    amount_fen fen not null check (amount_fen > 0),
    account_no text not null,
    state text not null
        check (state in ('pending', 'sent', 'unknown', 'collected', 'posted', 'failed')),
    attempts int not null default 0,
    next_at timestamptz not null default now(),
    sent_at timestamptz,
    bank_serial text,
    problem_code text,
    bank_text text,
    created_at timestamptz not null default now(),
    primary key (unit_id, payment_id),
    unique (unit_id, idem)
);
create unique index payment_one_in_flight on payment (unit_id, business)
    where state in ('pending', 'sent', 'unknown', 'collected');
create index payment_due on payment (next_at)
    where state in ('pending', 'sent', 'unknown', 'collected');

create table payment_step (
    unit_id bigint not null,
    payment_id bigint not null,
    step int not null,
    state text not null,
    at timestamptz not null default clock_timestamp(),
    primary key (unit_id, payment_id, step),
    foreign key (unit_id, payment_id) references payment
);

create table receipt (
    unit_id bigint not null,
    year int not null,
    number int not null,
    txn_id bigint not null,
    business text not null,
    title text not null,
    issued_at timestamptz not null default now(),
    biz_day date not null,
    amount_fen fen,
    row_count int not null,
    content json not null,                     -- what is printed, as shown text
    code text not null,
    primary key (unit_id, year, number),
    unique (unit_id, txn_id),
    foreign key (unit_id, txn_id) references txn
);

create table receipt_code (
    code text primary key,
    unit_id bigint not null,
    year int not null,
    number int not null
);

create table receipt_pdf (
    unit_id bigint not null,
    year int not null,
    number int not null,
    pdf bytea not null,
    sha256 bytea not null,
    rendered_at timestamptz not null default now(),
    primary key (unit_id, year, number)
);

create table print (
    unit_id bigint not null,
    print_id bigint not null,
    year int not null,
    number int not null,
    nth int not null,
    printer text not null,
    operator_id bigint not null,
    at timestamptz not null default now(),
    outcome text,
    job text,
    primary key (unit_id, print_id),
    unique (unit_id, year, number, nth)
);

-- The application's own role: it reads and adds, and cannot change what the ledger says.
do $$ begin
    if not exists (select from pg_roles where rolname = 'hpf_app') then create role hpf_app; end if;
end $$;
grant usage on schema public to hpf_app;
grant select on all tables in schema public to hpf_app;
grant usage on all sequences in schema public to hpf_app;
grant insert on txn, posting, entry, txn_part, chain, event, segment, submission, receipt, receipt_code,
    receipt_pdf, payment_step to hpf_app;
grant insert, update on unit, bank_account, account, person, payment, print, centre to hpf_app;
grant insert on parameter to hpf_app;
grant insert, update, delete on batch to hpf_app;
