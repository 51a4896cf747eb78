-- What each closed day came to in the general ledger. These are the centre's tables, over all
-- units: a few rows a day, read by reports instead of the postings.

create table day_close (
    day date primary key,
    closed_at timestamptz not null default clock_timestamp()
);
create table gl_day (
    day date not null,
    gl text not null,
    dr_fen fen not null,
    cr_fen fen not null,
    balance_fen fen not null,                  -- at the day's end; what is owed is negative
    primary key (gl, day)
);

-- The days before this version are closed, too.
insert into gl_day
    select t.biz_day, v.gl, sum(v.dr_fen), sum(v.cr_fen),
           sum(sum(v.dr_fen - v.cr_fen)) over (partition by v.gl order by t.biz_day)
    from txn t join voucher_line v on v.unit_id = t.unit_id and v.txn_id = t.txn_id
    where t.biz_day < (select business_day from centre)
    group by t.biz_day, v.gl;
insert into day_close (day)
    select max(biz_day) from txn where biz_day < (select business_day from centre)
    having max(biz_day) is not null;

-- Nothing is posted but on the business day: a closed one takes no postings, whoever asks.
alter table txn enable row level security;
create policy txn_read on txn for select using (true);
create policy txn_on_business_day on txn for insert
    with check (biz_day = (select business_day from centre));

grant select, insert on day_close, gl_day to hpf_app;
