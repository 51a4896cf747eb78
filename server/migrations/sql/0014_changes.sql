-- Bases and ratios change from a month on (缴存基数变更, 单位比例变更).

-- A month's amount by the centre's rounding: the same as server/business/amounts.py, which a test
-- holds it to, for changing and previewing a whole unit at once.
create function monthly_parts(base bigint, unit_ratio int, personal_ratio int, rounding text)
returns table (unit_fen bigint, personal_fen bigint)
language sql immutable parallel safe as $$
    select u.fen, case when rounding in ('EACH_YUAN', 'EACH_FEN')
                       then (2 * base * personal_ratio + 10000 * s.step) / (20000 * s.step) * s.step
                       else t.fen - u.fen end
    from (select case rounding when 'EACH_FEN' then 1 else 100 end as step) s
    cross join lateral (
        select case when rounding = 'SUM_YUAN'
                    then (2 * base * (unit_ratio + personal_ratio) + 10000 * s.step) / (20000 * s.step)
                    else base * (unit_ratio + personal_ratio) / (10000 * s.step) end * s.step as fen) t
    cross join lateral (
        select case when rounding in ('EACH_YUAN', 'EACH_FEN')
                    then (2 * base * unit_ratio + 10000 * s.step) / (20000 * s.step)
                    else (2 * t.fen * unit_ratio + (unit_ratio + personal_ratio) * s.step)
                         / (2 * (unit_ratio + personal_ratio) * s.step) end * s.step as fen) u
$$;

-- When the person started, where the account row's own segment continues another one of it.
alter table account add column start_month month;

-- What a change left behind; no txn: the ratios that the unit was opened with.
alter table unit_ratio
    add column txn_id bigint,
    add column unit_before int,
    add column personal_before int,
    add column reason text,
    add column remark text,
    add foreign key (unit_id, txn_id) references txn deferrable initially deferred,
    add check ((txn_id is null) = (unit_before is null) and (txn_id is null) = (personal_before is null));

alter table event
    add column unit_before_fen fen,
    add column personal_before_fen fen;

-- Segments of months to come are cut where somebody is sealed, and recomputed at other ratios.
grant update, delete on segment to hpf_app;
-- A unit's first ratios may be changed from the very month they hold from.
grant update on unit_ratio to hpf_app;
