#!/bin/sh
# Brings the schema of Temporal's two databases up to date; each step does nothing where it is done already.
# Where and as whom: SQL_HOST, SQL_PORT, SQL_USER, SQL_PASSWORD, SQL_PLUGIN, which temporal-sql-tool reads itself.
set -eu

versions=/etc/temporal/schema/postgresql/v12
for database in temporal temporal_visibility; do
    folder=temporal
    if [ "$database" = temporal_visibility ]; then folder=visibility; fi
    temporal-sql-tool --db "$database" setup-schema -v 0.0
    temporal-sql-tool --db "$database" update-schema -d "$versions/$folder/versioned"
done
