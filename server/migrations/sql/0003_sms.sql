-- The outbox of short messages: a row is written in the transaction of the business that causes it,
-- and sent afterwards. No constraint looks at phone or params: its message would repeat them.

create table sms_outbox (
    message_id text primary key,
    business_id text not null,                 -- what caused it; the same cause tells a thing once
    template text not null,
    phone text not null,
    params jsonb not null,                     -- with secrets, so emptied when the message is gone
    masked_text text not null,                 -- what may be shown: the text, its secrets hidden
    state text not null default 'waiting' check (state in ('waiting', 'sent', 'failed', 'expired')),
    attempts int not null default 0 check (attempts >= 0),
    next_at timestamptz not null default now(),
    created_at timestamptz not null default now(),
    unique (business_id, template)
);
create index sms_outbox_due on sms_outbox (next_at) where state = 'waiting';

grant select, insert, update on sms_outbox to hpf_app;
