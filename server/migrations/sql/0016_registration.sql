-- What is registered of a unit besides what money needs, and every change that a form made to it
-- or to a person's own registration. Who changed it and when stands in the change's txn.

create table registration (
    unit_id bigint primary key references unit,
    legal_person text not null default '',
    nature text not null default '',
    fund_source text not null default '',
    trustee_bank text not null default '',
    address text not null default '',
    postcode text not null default '',
    email text not null default '',
    pay_day text not null default '',
    telephone text not null default ''
);

alter table operator add column telephone text not null default '';

-- acct_id: whose phone was changed; null for what is the unit's own.
create table registration_change (
    unit_id bigint not null,
    txn_id bigint not null,
    item text not null,
    acct_id bigint,
    before text not null,
    after text not null,
    primary key (unit_id, txn_id, item)
);

grant select on registration, registration_change to hpf_app;
grant insert, update on registration to hpf_app;
grant insert on registration_change to hpf_app;
