-- The centre's staff, their sessions, and what each of them did or entered at the counter.
-- These are the centre's own tables: few rows, and no unit they could be spread by.

create table staff (
    staff_id bigint primary key,
    name text not null unique,                 -- what is typed to log in
    shown text not null,
    role text not null
        check (role in ('teller', 'finance', 'approver', 'supervisor', 'admin', 'auditor')),
    password_hash text not null,               -- Argon2id, with its parameters and salt
    must_change boolean not null default true,
    password_at timestamptz not null default now(),
    state text not null default 'active' check (state in ('active', 'inactive'))
);

create table staff_session (
    token_sha256 bytea primary key check (octet_length(token_sha256) = 32),
    staff_id bigint not null references staff,
    created_at timestamptz not null default now(),
    last_seen_at timestamptz not null default now(),
    ended_at timestamptz
);
create index staff_session_open on staff_session (staff_id) where ended_at is null;

-- One row for each press of a button: again under the same key, it gets the first answer.
-- What needs two people waits here as it was typed, until another one decides.
create table deed (
    deed_id bigint generated always as identity primary key,   -- 编号, read out to a colleague
    action text not null,
    unit_id bigint not null,                   -- 0: not of one unit, or not known before
    texts jsonb,                               -- kept only for whoever decides
    digest bytea not null check (octet_length(digest) = 32),   -- of the action and its texts
    entered_by bigint not null references staff,
    entered_at timestamptz not null default now(),
    idem text not null,
    state text not null check (state in ('done', 'pending', 'approved', 'rejected')),
    decided_by bigint references staff,
    decided_at timestamptz,
    reason text,
    result jsonb,                              -- as shown, secrets hidden
    unique (entered_by, idem),
    constraint deed_two_people check (entered_by <> decided_by),
    check ((decided_by is not null) = (state in ('approved', 'rejected'))),
    check ((texts is not null) or state = 'done')
);
create index deed_pending on deed (deed_id) where state = 'pending';

-- An operator of a unit, or one of the centre's staff: never both.
alter table audit add column staff_id bigint references staff;
alter table audit add check (staff_id is null or operator_id is null);
create index audit_staff on audit (audit_id) where staff_id is not null;

-- What the staff did, chained: a row of theirs that is changed, taken out or put in shows (audit.py).
create table audit_chain (
    position bigint primary key,
    unit_id bigint not null,
    audit_id bigint not null,
    hash bytea not null,
    unique (unit_id, audit_id)
);

create unique index bank_account_one_default on bank_account (unit_id) where is_default;

grant select on staff, staff_session, deed, audit_chain to hpf_app;
grant insert, update on staff, staff_session to hpf_app;
grant insert on audit_chain to hpf_app;
-- What was entered stays as it was entered.
grant insert, update (state, decided_by, decided_at, reason, result) on deed to hpf_app;
