-- What moved on the centre's own account at the bank. These are the centre's tables, not a unit's.

-- A movement is known from a notice, or from the bank's list of the day; both tell the same thing,
-- once (deduplicated by bank serial, amount and account). ``unit_id, txn_id`` is the posting that
-- has it in the books.
create table bank_movement (
    bank_serial text not null,
    amount_fen fen not null check (amount_fen > 0),
    account_no text not null,
    direction text not null check (direction in ('in', 'out')),
    bank_day date not null,
    holder text not null,
    remark text not null,
    serial text not null,                      -- ours, if we asked for it
    reverses text not null,                    -- the bank serial of what it takes back
    heard_at timestamptz not null default now(),
    is_listed boolean not null default false,  -- in the bank's list of the day
    state text not null default 'new'
        check (state in ('new', 'settled', 'paired', 'suspense', 'difference')),
    note text not null default '',
    unit_id bigint,
    txn_id bigint,
    attempts int not null default 0,
    next_at timestamptz not null default now(),
    primary key (bank_serial, amount_fen, account_no),
    foreign key (unit_id, txn_id) references txn,
    check ((txn_id is not null) = (state in ('settled', 'suspense', 'difference')))
);
create index bank_movement_new on bank_movement (next_at) where state = 'new';
create index bank_movement_day on bank_movement (bank_day);
create index bank_movement_txn on bank_movement (unit_id, txn_id);
create index bank_movement_reverses on bank_movement (reverses) where reverses <> '';

-- The bank names a payment by our serial alone.
create index payment_serial on payment (payment_id);
-- What is entered by hand reaches the bank without a serial of ours.
create index txn_entered on txn (total_fen) where business in ('cheque', 'voucher');

-- 暂收: money whose owner is not known. ``txn_id`` holds it in the centre's books; ``ended_txn_id``
-- took it out of there, and ``unit_id, unit_txn_id`` is where it went.
create table suspense (
    bank_serial text primary key,
    amount_fen fen not null check (amount_fen > 0),
    account_no text not null,
    holder text not null,
    remark text not null,
    bank_day date not null,
    txn_id bigint not null,
    state text not null default 'open' check (state in ('open', 'claimed', 'matched', 'returned')),
    ended_txn_id bigint,
    unit_id bigint references unit,
    unit_txn_id bigint,
    ended_at timestamptz,
    check ((state = 'open') = (ended_txn_id is null))
);
create index suspense_open on suspense (bank_day) where state = 'open';

-- The reconciliation of a bank day, and its lines: what each side has, in fen, money in positive.
create table reconciliation (
    day date primary key,
    run_at timestamptz not null default now(),
    opening_fen fen not null,                  -- what the account held before its first listed movement
    listed_fen fen not null,                   -- all listed movements up to the day
    closing_fen fen not null,                  -- what the bank says
    book_fen fen not null                      -- account 101 up to the day
);
create table reconciliation_line (
    day date not null references reconciliation,
    line int not null,
    kind text not null check (kind in ('matched', 'bank_only', 'book_only', 'amount')),
    bank_serial text not null,
    unit_id bigint,
    txn_id bigint,
    bank_fen fen not null,
    book_fen fen not null,
    note text not null,
    primary key (day, line)
);

grant select on bank_movement, suspense, reconciliation, reconciliation_line to hpf_app;
grant insert, update on bank_movement, suspense, reconciliation to hpf_app;
grant insert, delete on reconciliation_line to hpf_app;
