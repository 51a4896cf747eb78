-- Operators, the certificates bound to them, challenges, sessions, limits, audit.

create table operator (
    unit_id bigint not null references unit,
    operator_id bigint not null,
    name text not null,
    id_number text not null,
    phone text not null,
    role text not null,
    state text not null default 'active' check (state in ('active', 'inactive')),
    primary key (unit_id, operator_id)
);

create table certificate (
    unit_id bigint not null references unit,
    certificate_id bigint not null,
    operator_id bigint not null,
    issuer text not null,                      -- RFC 4514
    serial text not null,                      -- hexadecimal, upper case
    fingerprint bytea not null check (octet_length(fingerprint) = 32),
    spki_sha256 bytea not null check (octet_length(spki_sha256) = 32),
    der bytea not null,
    state text not null default 'bound' check (state in ('bound', 'revoked')),
    bound_at timestamptz not null default now(),
    revoked_at timestamptz,
    primary key (unit_id, certificate_id),
    foreign key (unit_id, operator_id) references operator,
    check ((state = 'revoked') = (revoked_at is not null))
);
-- A bound certificate leads to one operator of one unit, or a login would have to guess.
create unique index certificate_one_binding on certificate (fingerprint) where state = 'bound';

-- Challenges live two minutes and a crash may lose them.
create unlogged table login_challenge (
    challenge_id text primary key,
    nonce bytea not null check (octet_length(nonce) = 32),
    browser_sha256 bytea not null,             -- of the cookie that came with the challenge
    address text not null,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null
);
create index login_challenge_address on login_challenge (address);

-- Failed logins by what failed: an address, or a certificate at an address.
create table login_failure (
    subject bytea primary key,
    failures int not null,
    last_at timestamptz not null default now(),
    blocked_until timestamptz not null default '-infinity'
);

create table session (
    token_sha256 bytea primary key check (octet_length(token_sha256) = 32),
    unit_id bigint not null,
    operator_id bigint not null,
    certificate_id bigint,
    login_kind text not null,
    created_at timestamptz not null default now(),
    last_seen_at timestamptz not null default now(),
    suspended_at timestamptz,                  -- the key was pulled; only a new challenge resumes it
    ended_at timestamptz,
    foreign key (unit_id, operator_id) references operator,
    foreign key (unit_id, certificate_id) references certificate
);
create index session_open on session (unit_id, certificate_id) where ended_at is null;

-- Who did what from where, without names, numbers, nonces or signatures. unit_id 0: unit not known.
create table audit (
    unit_id bigint not null,
    audit_id bigint not null,
    at timestamptz not null default clock_timestamp(),
    operator_id bigint,
    session_ref text,                          -- the first bytes of the token's digest
    address text not null,
    action text not null,
    outcome text not null,                     -- 'ok' or the code of the refusal
    detail jsonb not null default '{}',
    primary key (unit_id, audit_id)
);

grant select on operator, certificate, login_challenge, login_failure, session, audit to hpf_app;
grant insert, update on operator, certificate, session, login_failure to hpf_app;
grant insert, delete on login_challenge to hpf_app;
grant delete on login_failure to hpf_app;
grant insert on audit to hpf_app;
