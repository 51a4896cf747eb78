-- Passwords of units, the pictures and the codes by short message that stand before them.

-- One password a unit: it logs in by its account number, for the operator who registered it.
create table unit_password (
    unit_id bigint primary key references unit,
    operator_id bigint not null,
    password_hash text not null,               -- Argon2id, with its parameters and salt
    set_at timestamptz not null default now(),
    foreign key (unit_id, operator_id) references operator
);

-- Pictures live two minutes and a crash may lose them. Spent ones count for the address's limit.
create unlogged table captcha (
    captcha_id bigint generated always as identity primary key,
    browser_sha256 bytea not null,             -- of the cookie that came with the picture
    address text not null,
    salt bytea not null,
    answer_sha256 bytea not null,
    is_spent boolean not null default false,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null
);
create index captcha_address on captcha (address, created_at);
create index captcha_browser on captcha (browser_sha256) where not is_spent;

-- unit_id is what was typed, which need not be a unit's; whom it is for is kept as a digest.
create table sms_code (
    unit_id bigint not null,
    code_id bigint not null,
    purpose text not null,
    recipient_sha256 bytea not null,
    salt bytea not null,
    code_sha256 bytea not null,
    asked_at timestamptz not null default clock_timestamp(),
    expires_at timestamptz not null,
    wrong_tries int not null default 0 check (wrong_tries >= 0),
    ended_at timestamptz,                      -- used, or replaced by a later one
    primary key (unit_id, code_id)
);
create index sms_code_recipient on sms_code (recipient_sha256, asked_at);

grant select, insert, update on unit_password to hpf_app;
grant select, insert, update, delete on captcha, sms_code to hpf_app;
