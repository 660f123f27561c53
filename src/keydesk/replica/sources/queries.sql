-- What a replicator asks a database, each under the name behind which the code asks for it.
-- The columns of a view are the fields of its record in core/records.py, in order, and then the MAC.

-- name: head
-- Where the feed stands; one row.
SELECT epoch, revision, heartbeat_at FROM verify_head_v1;

-- name: standing
-- Whether a PostgreSQL server only follows another one, its timeline, which every promotion raises, and its clock.
SELECT pg_is_in_recovery(), CASE WHEN pg_is_in_recovery()
  THEN (SELECT min_recovery_end_timeline FROM pg_control_recovery())
  ELSE ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::int END,
  (extract(epoch FROM clock_timestamp()) * 1000)::bigint;

-- name: data_version
-- SQLite's count of other connections' commits: the cheapest way to see that something happened.
PRAGMA data_version;

-- name: key
SELECT id, digest, account, product, environment, state, expires_at, retires_at, scopes, networks, limits,
  revision, mac
FROM verify_keys_v2 WHERE revision > :after;

-- name: account
SELECT id, username, status, networks, revision, mac
FROM verify_accounts_v2 WHERE revision > :after;

-- name: product
SELECT slug, state, requires_username, lease_seconds, envelope, limits, revision, mac
FROM verify_products_v2 WHERE revision > :after;

-- name: entitlement
SELECT account, product, environment, state, limits, revision, mac
FROM verify_entitlements_v2 WHERE revision > :after;

-- name: credential
SELECT id, digest, state, scopes, expires_at, revision, mac
FROM verify_credentials_v1 WHERE revision > :after;
