"""Seals: signed trees over the entries, in a chain, and the role that adds to it and can do nothing else."""

from alembic import op

revision = "0023"
down_revision = "0022"

ROLE = """
DO $$
BEGIN
    BEGIN
        CREATE ROLE quittance_sealer LOGIN;
    EXCEPTION WHEN duplicate_object OR unique_violation THEN
        NULL;
    END;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'quittance_sealer' AND (rolsuper OR rolcreaterole OR rolbypassrls))
        OR pg_has_role('quittance_sealer', 'quittance_owner', 'MEMBER')
        OR pg_has_role('quittance_sealer', 'quittance_app', 'MEMBER')
    THEN
        RAISE EXCEPTION 'the role quittance_sealer may do more than sealing: take that away, then migrate';
    END IF;
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO quittance_sealer', current_database());
END
$$;
GRANT USAGE ON SCHEMA public TO quittance_sealer;
"""

SEALS = """
CREATE TABLE public.seals (
    number bigint PRIMARY KEY CONSTRAINT seal_number_positive CHECK (number >= 1),
    previous_digest bytea NOT NULL UNIQUE CONSTRAINT seal_previous_length CHECK (length(previous_digest) = 32),
    root bytea NOT NULL CONSTRAINT seal_root_length CHECK (length(root) = 32),
    entry_count integer NOT NULL CONSTRAINT seal_is_bounded CHECK (entry_count BETWEEN 1 AND 1000),
    first_leaf bigint NOT NULL CONSTRAINT seal_first_leaf_not_negative CHECK (first_leaf >= 0),
    last_leaf bigint NOT NULL CONSTRAINT seal_counts_its_leaves CHECK (last_leaf = first_leaf + entry_count - 1),
    debits jsonb NOT NULL,
    columns jsonb NOT NULL,
    epoch bigint NOT NULL,
    sealed_to_transaction_id xid8 NOT NULL,
    sealed_to_entry_id bigint NOT NULL,
    sealed_at timestamptz NOT NULL,
    key_fingerprint bytea NOT NULL CONSTRAINT seal_key_fingerprint_length CHECK (length(key_fingerprint) = 32),
    digest bytea NOT NULL UNIQUE CONSTRAINT seal_digest_length CHECK (length(digest) = 32),
    signature bytea NOT NULL CONSTRAINT seal_signature_length CHECK (length(signature) = 64)
);
COMMENT ON TABLE public.seals IS 'Each stands for its entries and, by the digest of the one before it, for all earlier ones';
COMMENT ON COLUMN public.seals.columns IS 'The columns that its leaves cover, by table';
COMMENT ON COLUMN public.seals.epoch IS 'system_identifier of the server: transaction ids of another one mean other things';
COMMENT ON COLUMN public.seals.sealed_to_transaction_id IS
    'In its epoch, every entry up to this transaction and sealed_to_entry_id is sealed, and none can come any more';

CREATE TABLE public.seal_leaves (
    leaf_index bigint PRIMARY KEY,
    seal_number bigint NOT NULL REFERENCES public.seals (number) NOT ENFORCED,
    -- Checked by seal_is_complete: enforced here, each leaf would lock and so write its entry's row.
    entry_id bigint NOT NULL UNIQUE REFERENCES public.entries (entry_id) NOT ENFORCED,
    leaf_hash bytea NOT NULL CONSTRAINT leaf_hash_length CHECK (length(leaf_hash) = 32)
);

-- The order in which entries are sealed.
CREATE INDEX entries_sealing ON public.entries (transaction_id, entry_id);
"""

SEAL_FOLLOWS = """
CREATE FUNCTION public.seal_follows() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    last public.seals;
BEGIN
    SELECT * INTO last FROM public.seals ORDER BY number DESC LIMIT 1;
    IF NEW.number <> coalesce(last.number, 0) + 1
        OR NEW.previous_digest <> coalesce(last.digest, decode(repeat('00', 32), 'hex'))
        OR NEW.first_leaf <> coalesce(last.last_leaf, -1) + 1
    THEN
        RAISE EXCEPTION 'seal % is refused: it does not follow seal %, which is the last', NEW.number,
            coalesce(last.number, 0)
            USING ERRCODE = 'QT403', CONSTRAINT = 'seal_follows';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER seal_follows BEFORE INSERT ON public.seals FOR EACH ROW EXECUTE FUNCTION public.seal_follows();
ALTER TABLE public.seals ENABLE ALWAYS TRIGGER seal_follows;
"""

# Seal and leaves come in one transaction, and with it the seal is closed: its leaves have their places, and there is no other.
SEAL_IS_COMPLETE = """
CREATE FUNCTION public.leaves_belong() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF EXISTS (
        SELECT FROM added l LEFT JOIN public.seals s ON s.number = l.seal_number
            WHERE s.number IS NULL OR l.leaf_index NOT BETWEEN s.first_leaf AND s.last_leaf
    ) THEN
        RAISE EXCEPTION 'leaf refused: it has no place in its seal'
            USING ERRCODE = 'QT403', CONSTRAINT = 'leaves_belong';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER leaves_belong AFTER INSERT ON public.seal_leaves REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION public.leaves_belong();
ALTER TABLE public.seal_leaves ENABLE ALWAYS TRIGGER leaves_belong;

CREATE FUNCTION public.seal_is_complete() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
    found_leaves bigint;
BEGIN
    SELECT count(*) INTO found_leaves
        FROM public.seal_leaves l JOIN public.entries e ON e.entry_id = l.entry_id
        WHERE l.leaf_index BETWEEN NEW.first_leaf AND NEW.last_leaf AND l.seal_number = NEW.number;
    IF found_leaves <> NEW.entry_count THEN
        RAISE EXCEPTION 'seal % has leaves of % entries, not of %', NEW.number, found_leaves, NEW.entry_count
            USING ERRCODE = 'QT403', CONSTRAINT = 'seal_is_complete';
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER seal_is_complete AFTER INSERT ON public.seals DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION public.seal_is_complete();
ALTER TABLE public.seals ENABLE ALWAYS TRIGGER seal_is_complete;
"""

GUARD = """
CREATE TRIGGER never_changed BEFORE UPDATE OR DELETE ON public.{table}
    FOR EACH ROW EXECUTE FUNCTION public.refuse_change();
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON public.{table}
    FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();
ALTER TABLE public.{table} ENABLE ALWAYS TRIGGER never_changed, ENABLE ALWAYS TRIGGER never_emptied;
GRANT SELECT ON public.{table} TO quittance_app, quittance_auditor, quittance_sealer;
GRANT INSERT ON public.{table} TO quittance_sealer;
"""

READING = """
GRANT SELECT ON public.accounts, public.entries, public.lines TO quittance_sealer;
"""


def upgrade() -> None:
    """Create the seals, their leaves and the sealer's role."""
    connection = op.get_bind()
    # Earlier migrations of the same transaction have taken on the owner, who may not create roles.
    connection.exec_driver_sql("SET LOCAL ROLE NONE")
    connection.exec_driver_sql(ROLE)
    connection.exec_driver_sql("SET LOCAL ROLE quittance_owner")
    for statement in (SEALS, SEAL_FOLLOWS, SEAL_IS_COMPLETE, READING):
        connection.exec_driver_sql(statement)
    for table in ("seals", "seal_leaves"):
        connection.exec_driver_sql(GUARD.format(table=table))
