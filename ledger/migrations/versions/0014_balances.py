"""Balances: what each account holds, kept beside the lines, and on each line the balance before and after it.

Lines of an account are numbered without gaps, so that none can be taken away unseen. `event_high` is the latest moment of
any line of the account so far: a line that is older than it came late, which is what makes balances of the past quick.
"""

from alembic import op

revision = "0014"
down_revision = "0013"

# Units beside ISO 4217, such as CREDIT, have longer names.
UNITS = """
ALTER TABLE public.accounts
    DROP CONSTRAINT account_currency_form,
    ALTER COLUMN currency TYPE text COLLATE "C",
    ADD CONSTRAINT account_currency_form CHECK (currency ~ '^[A-Z][A-Z0-9]{2,11}$');
ALTER TABLE public.lines ALTER COLUMN currency TYPE text COLLATE "C";
"""

BALANCES = """
CREATE TABLE public.balances (
    account_id bigint PRIMARY KEY REFERENCES public.accounts (account_id),
    balance_minor bigint NOT NULL DEFAULT 0,
    held_minor bigint NOT NULL DEFAULT 0 CONSTRAINT held_is_not_negative CHECK (held_minor >= 0),
    version bigint NOT NULL DEFAULT 0,
    event_high timestamptz NOT NULL DEFAULT '-infinity',
    floor_minor bigint CONSTRAINT floor_is_not_positive CHECK (floor_minor <= 0),
    state text NOT NULL DEFAULT 'open' CONSTRAINT account_state_known CHECK (state IN ('open', 'frozen', 'closed'))
) WITH (fillfactor = 50);
COMMENT ON TABLE public.balances IS 'One row per account, which a posting locks; only the posting functions write it';
COMMENT ON COLUMN public.balances.balance_minor IS 'Positive on the normal side; the last line''s after_minor';
COMMENT ON COLUMN public.balances.held_minor IS 'Of the balance, what is promised elsewhere: it is not available';
COMMENT ON COLUMN public.balances.version IS 'The last line''s sequence';
COMMENT ON COLUMN public.balances.floor_minor IS 'What is available never falls below it: 0 for a guarded account, less '
    'for one with bill-back, null for one without a guard';
CREATE TRIGGER never_deleted BEFORE DELETE ON public.balances FOR EACH ROW EXECUTE FUNCTION public.refuse_change();
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON public.balances
    FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();
ALTER TABLE public.balances ENABLE ALWAYS TRIGGER never_deleted, ENABLE ALWAYS TRIGGER never_emptied;
GRANT SELECT ON public.balances TO quittance_app;
"""

LINES = """
ALTER TABLE public.lines
    ADD COLUMN sequence bigint,
    ADD COLUMN before_minor bigint,
    ADD COLUMN after_minor bigint,
    ADD COLUMN event_at timestamptz,
    ADD COLUMN recorded_at timestamptz,
    ADD COLUMN event_high timestamptz;
ALTER TABLE public.lines DISABLE TRIGGER never_changed;
UPDATE public.lines l
    SET sequence = k.sequence, before_minor = k.after_minor - k.change, after_minor = k.after_minor,
        event_at = k.event_at, recorded_at = k.recorded_at, event_high = k.event_high
    FROM (
        SELECT m.line_id, m.change, m.event_at, m.recorded_at, row_number() OVER w AS sequence,
                sum(m.change) OVER w AS after_minor, max(m.event_at) OVER w AS event_high
            FROM (
                SELECT o.line_id, o.account_id, e.event_at, e.recorded_at,
                        CASE WHEN o.side = a.normal_side THEN o.amount_minor ELSE -o.amount_minor END AS change
                    FROM public.lines o
                    JOIN public.accounts a ON a.account_id = o.account_id
                    JOIN public.entries e ON e.entry_id = o.entry_id
            ) m
            WINDOW w AS (PARTITION BY m.account_id ORDER BY m.line_id ROWS UNBOUNDED PRECEDING)
    ) k
    WHERE k.line_id = l.line_id;
ALTER TABLE public.lines
    ENABLE ALWAYS TRIGGER never_changed,
    ALTER COLUMN sequence SET NOT NULL,
    ALTER COLUMN before_minor SET NOT NULL,
    ALTER COLUMN after_minor SET NOT NULL,
    ALTER COLUMN event_at SET NOT NULL,
    ALTER COLUMN recorded_at SET NOT NULL,
    ALTER COLUMN event_high SET NOT NULL,
    ADD CONSTRAINT line_moves_its_amount CHECK (abs(after_minor - before_minor) = amount_minor),
    ADD CONSTRAINT line_has_its_place UNIQUE (account_id, sequence);
COMMENT ON COLUMN public.lines.sequence IS '1, 2, 3 and so on within the account, without gaps';
COMMENT ON COLUMN public.lines.before_minor IS 'The account''s balance before this line, positive on its normal side';
COMMENT ON COLUMN public.lines.event_high IS 'The latest event_at of the account up to this line';
INSERT INTO public.balances (account_id, balance_minor, version, event_high)
    SELECT a.account_id, coalesce(l.after_minor, 0), coalesce(l.sequence, 0), coalesce(l.event_high, '-infinity')
        FROM public.accounts a
        LEFT JOIN LATERAL (
            SELECT o.after_minor, o.sequence, o.event_high
                FROM public.lines o WHERE o.account_id = a.account_id ORDER BY o.sequence DESC LIMIT 1
        ) l ON true;
"""

# A balance of the past is one line, found by what was known (recorded) or by what was true (event), and the late ones
# that span the moment. No index of single lines by time: a hot account would pay for it with each line.
HISTORY = """
DROP INDEX public.lines_account;
CREATE INDEX lines_recorded ON public.lines (account_id, recorded_at, sequence);
CREATE INDEX lines_happened ON public.lines (account_id, event_high, sequence);
CREATE INDEX lines_late ON public.lines USING gist (tstzrange(event_at, event_high)) WHERE event_at < event_high;
"""


def upgrade() -> None:
    """Add the balances, and to each line where it stands in its account."""
    connection = op.get_bind()
    connection.exec_driver_sql("SET LOCAL ROLE quittance_owner")
    for statement in (UNITS, BALANCES, LINES, HISTORY):
        connection.exec_driver_sql(statement)
