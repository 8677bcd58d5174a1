#!/bin/sh
# Runs once, when PostgreSQL's data directory is new: one role and one database for each program that stores here,
# so that none of them can open another's. The tables are made later, by the migrations and by Temporal's schema job.
set -eu

psql --set=ON_ERROR_STOP=1 --username="$POSTGRES_USER" --dbname=postgres \
    --set=app_password="$QUITTANCE_APP_PASSWORD" --set=sealer_password="$QUITTANCE_SEALER_PASSWORD" \
    --set=temporal_password="$TEMPORAL_DATABASE_PASSWORD" <<'SQL'
CREATE ROLE quittance_app LOGIN PASSWORD :'app_password';
CREATE ROLE quittance_sealer LOGIN PASSWORD :'sealer_password';
CREATE ROLE temporal LOGIN PASSWORD :'temporal_password';

CREATE DATABASE quittance;
CREATE DATABASE temporal OWNER temporal;
CREATE DATABASE temporal_visibility OWNER temporal;

REVOKE ALL ON DATABASE postgres, quittance, temporal, temporal_visibility FROM PUBLIC;
GRANT CONNECT ON DATABASE quittance TO quittance_app, quittance_sealer;
SQL
