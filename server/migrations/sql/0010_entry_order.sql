-- A transaction's entries lie together: so they are written, listed, digested and reversed. By
-- account first, a month's posting would touch a page of the index for every one or two persons,
-- the more the longer the history. A person's statement asks for its unit's transactions one by one.
alter table entry drop constraint entry_pkey, add primary key (unit_id, txn_id, acct_id, month);

-- These two are looked at again for every account that is credited: a twelfth of a posting. Accounts
-- are opened under the lock of their unit's row, and segments are copied from accounts.
alter table account drop constraint account_unit_id_fkey;
alter table segment drop constraint segment_unit_id_acct_id_fkey;
