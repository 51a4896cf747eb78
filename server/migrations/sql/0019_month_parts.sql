-- What a transaction credited for a month says its unit part, and how many persons it paid for: a
-- certificate over ten years of 8,000 people adds up 120 months instead of a million entries.

alter table txn_part
    add column unit_fen fen not null default 0,
    add column paying int not null default 0;  -- persons with more than nothing
update txn_part p
set unit_fen = e.unit_fen, paying = e.paying
from (select unit_id, txn_id, month, sum(unit_fen)::bigint as unit_fen,
             count(*) filter (where amount_fen > 0) as paying
      from entry group by 1, 2, 3) e
where e.unit_id = p.unit_id and e.txn_id = p.txn_id and e.month = p.month;
alter table txn_part alter column unit_fen drop default, alter column paying drop default;

-- Writes the transaction, its postings, what it credits to persons, and its link of the unit's chain.
-- The caller holds the unit's lock, and compares what comes back with what was due: the persons of
-- the largest month, all entries, and their sum; nothing when there is no such unit. With a code it
-- issues the receipt, too, by the unit's next number of the year.
-- A month's digest is over (account, amount, balance) of each entry as 8-byte integers, by account.
create or replace function post(
    unit_id bigint, txn_id bigint, business text, biz_day date, operator_id bigint, login_kind text,
    rows int, total_fen bigint, method text, kind text, head jsonb, batch_id bigint,
    payment_id bigint, reverses bigint, idem text,
    debits text[], credits text[], amounts bigint[],            -- the postings
    months int[], day_number int,                               -- whose rosters are credited
    line_accounts bigint[], line_months int[], line_units bigint[], line_amounts bigint[],
    deposits_fen bigint, members_fen bigint, prepayment_fen bigint, paid_through int,
    title text, code text, content json, amount_fen bigint, row_count int,   -- the receipt
    out persons int, out entries int, out credited_fen bigint, out number int)
language plpgsql set search_path = public set plan_cache_mode = force_generic_plan as $$
declare
    this_year int := extract(year from biz_day);
    this_month int;
    part record;
    link record;
begin
    insert into txn (unit_id, txn_id, business, biz_day, operator_id, login_kind, rows, total_fen,
                     method, kind, head, batch_id, payment_id, reverses, idem, paid_before)
        select u.unit_id, post.txn_id, post.business, post.biz_day, post.operator_id,
               post.login_kind, post.rows, post.total_fen, post.method, post.kind, post.head,
               post.batch_id, post.payment_id, post.reverses, post.idem, u.paid_through
        from unit u where u.unit_id = post.unit_id;
    if not found then
        return;
    end if;
    insert into posting (unit_id, txn_id, line, debit, credit, amount_fen)
        select post.unit_id, post.txn_id, p.line, p.debit, p.credit, p.fen
        from unnest(debits, credits, amounts) with ordinality as p(debit, credit, fen, line);

    persons := 0; entries := 0; credited_fen := 0;
    foreach this_month in array months loop
        -- Those on the roster by their present segment, and by an earlier one.
        with present as (
            update account a
            set moment = a.moment + (a.unit_fen + a.personal_fen) * day_number::bigint,
                balance_fen = a.balance_fen + a.unit_fen + a.personal_fen,
                paid_through = this_month
            where a.unit_id = post.unit_id
              and a.from_month <= this_month and a.until_month > this_month
            returning a.acct_id, a.unit_fen, a.unit_fen + a.personal_fen as amount_fen,
                      a.balance_fen),
        earlier as (
            update account a
            set moment = a.moment + (s.unit_fen + s.personal_fen) * day_number::bigint,
                balance_fen = a.balance_fen + s.unit_fen + s.personal_fen,
                paid_through = greatest(a.paid_through, this_month)
            from segment s
            where a.unit_id = post.unit_id and s.unit_id = post.unit_id and s.acct_id = a.acct_id
              and s.from_month <= this_month and s.until_month > this_month
            returning a.acct_id, s.unit_fen, s.unit_fen + s.personal_fen as amount_fen,
                      a.balance_fen),
        credited as (select * from present union all select * from earlier),
        entered as (
            insert into entry (unit_id, acct_id, txn_id, month, biz_day, unit_fen, amount_fen,
                               balance_fen)
            select post.unit_id, c.acct_id, post.txn_id, this_month, post.biz_day, c.unit_fen,
                   c.amount_fen, c.balance_fen
            from credited c)
        insert into txn_part (unit_id, txn_id, month, persons, paying, unit_fen, amount_fen,
                              digest)
            select post.unit_id, post.txn_id, this_month, count(*),
                   count(*) filter (where c.amount_fen > 0), coalesce(sum(c.unit_fen), 0),
                   coalesce(sum(c.amount_fen), 0),
                   sha256(coalesce(string_agg(
                       int8send(c.acct_id) || int8send(c.amount_fen) || int8send(c.balance_fen),
                       ''::bytea order by c.acct_id), ''))
            from credited c
            returning txn_part.persons, txn_part.amount_fen into part;
        persons := greatest(persons, part.persons);
        entries := entries + part.persons;
        credited_fen := credited_fen + part.amount_fen;
    end loop;

    if line_accounts <> '{}' then
        -- Persons, months and amounts that the caller names. The balance is in order of the months.
        insert into entry (unit_id, acct_id, txn_id, month, biz_day, unit_fen, amount_fen,
                           balance_fen)
            select a.unit_id, a.acct_id, post.txn_id, l.month, post.biz_day, l.unit_fen,
                   l.amount_fen,
                   a.balance_fen + sum(l.amount_fen) over (partition by l.acct_id order by l.month)
            from unnest(line_accounts, line_months, line_units, line_amounts)
                     as l(acct_id, month, unit_fen, amount_fen)
            join account a on a.unit_id = post.unit_id and a.acct_id = l.acct_id;
        -- What is taken back is taken from the current year's part first.
        update account a
            set moment = a.moment + s.amount_fen * day_number::bigint,
                balance_fen = a.balance_fen + s.amount_fen,
                prior_fen = least(a.prior_fen, a.balance_fen + s.amount_fen),
                prior_moment = a.prior_moment
                    - greatest(a.prior_fen - a.balance_fen - s.amount_fen, 0) * day_number::bigint
            from (select l.acct_id, sum(l.amount_fen)::bigint as amount_fen
                  from unnest(line_accounts, line_amounts) as l(acct_id, amount_fen)
                  group by 1) s
            where a.unit_id = post.unit_id and a.acct_id = s.acct_id;
        with parts as (
            insert into txn_part (unit_id, txn_id, month, persons, paying, unit_fen, amount_fen,
                                  digest)
            select e.unit_id, e.txn_id, e.month, count(*),
                   count(*) filter (where e.amount_fen > 0), sum(e.unit_fen), sum(e.amount_fen),
                   sha256(string_agg(
                       int8send(e.acct_id) || int8send(e.amount_fen) || int8send(e.balance_fen),
                       ''::bytea order by e.acct_id))
            from entry e
            where e.unit_id = post.unit_id and e.txn_id = post.txn_id and e.month = any(line_months)
            group by e.unit_id, e.txn_id, e.month
            returning txn_part.persons, txn_part.amount_fen)
        select coalesce(max(p.persons), 0) as most, coalesce(sum(p.persons), 0) as persons,
               coalesce(sum(p.amount_fen), 0) as amount_fen
            from parts p into part;
        persons := greatest(persons, part.most);
        entries := entries + part.persons;
        credited_fen := credited_fen + part.amount_fen;
    end if;

    update unit u
        set deposits_fen = u.deposits_fen + post.deposits_fen,
            members_fen = u.members_fen + post.members_fen,
            prepayment_fen = u.prepayment_fen + post.prepayment_fen,
            paid_through = coalesce(post.paid_through, u.paid_through),
            status = case when u.status = '02' and post.paid_through is not null then '01'
                          else u.status end,
            chain_length = u.chain_length + 1,
            chain_hash = sha256(
                u.chain_hash || convert_to(chain_text(post.unit_id, post.txn_id), 'UTF8')),
            receipt_year = case when code is null then u.receipt_year else this_year end,
            receipt_count = case when code is null then u.receipt_count
                                 when u.receipt_year = this_year then u.receipt_count + 1
                                 else 1 end
        where u.unit_id = post.unit_id
        returning u.chain_length, u.chain_hash, u.receipt_count into link;
    insert into chain (unit_id, position, txn_id, hash)
        values (post.unit_id, link.chain_length, post.txn_id, link.chain_hash);

    if code is not null then
        number := link.receipt_count;
        insert into receipt (unit_id, year, number, txn_id, business, title, biz_day, amount_fen,
                             row_count, content, code)
            values (post.unit_id, this_year, post.number, post.txn_id, post.business, post.title,
                    post.biz_day, post.amount_fen, coalesce(post.row_count, post.persons),
                    post.content, post.code);
        insert into receipt_code (code, unit_id, year, number)
            values (post.code, post.unit_id, this_year, post.number);
    end if;
end $$;
