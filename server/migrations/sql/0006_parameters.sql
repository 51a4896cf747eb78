-- Parameters that are set again for the same day; the latest word counts.

-- Two settings in one transaction still follow each other.
alter table parameter alter column set_at set default clock_timestamp();
alter table parameter drop constraint parameter_pkey;
alter table parameter add primary key (key, scope, from_day, set_at);
