"""What people do to an account: freeze it, close it, let it go below zero to a limit; and holds, money promised elsewhere.

What is available of an account is its balance less what is held. A hold is posted in full or in part, voided, or expires.
"""

from alembic import op

revision = "0016"
down_revision = "0015"

# Facts of gateways must always find their accounts open, so that only what belongs to others can be frozen or closed.
STANDING = """
CREATE TABLE public.account_changes (
    change_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id bigint NOT NULL REFERENCES public.accounts (account_id),
    state text NOT NULL,
    floor_minor bigint,
    actor text NOT NULL CONSTRAINT account_change_actor_length CHECK (length(actor) BETWEEN 1 AND 200),
    because text NOT NULL CONSTRAINT account_change_reason_length CHECK (length(because) BETWEEN 1 AND 500),
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE public.account_changes IS 'How an account stood after each change that somebody made to it';
CREATE INDEX account_changes_account ON public.account_changes (account_id);

CREATE FUNCTION public.account_of(wanted text, unit text) RETURNS bigint LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    account bigint;
BEGIN
    SELECT a.account_id INTO account FROM public.accounts a WHERE a.code = wanted AND a.currency = unit;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no account % in %', wanted, unit
            USING ERRCODE = 'QT422', CONSTRAINT = 'account_is_known', HINT = format('there is no account %s in %s', wanted, unit);
    END IF;
    RETURN account;
END
$$;

CREATE FUNCTION public.change_account(
    code text, currency text, new_state text, bill_back_minor bigint, actor text, because text
) RETURNS TABLE (state text, floor_minor bigint) LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    account bigint := public.account_of(change_account.code, change_account.currency);
    row public.chart := public.charted(change_account.code);
    standing public.balances;
    fault text;
BEGIN
    SELECT b.* INTO standing FROM public.balances b WHERE b.account_id = account FOR NO KEY UPDATE;
    fault := CASE
        WHEN new_state NOT IN ('open', 'frozen', 'closed') THEN format('there is no state %s', new_state)
        WHEN new_state <> 'open' AND row.owner IN ('house', 'gateway')
            THEN 'it belongs to the house or to a gateway, whose facts are always booked'
        WHEN standing.state = 'closed' THEN 'it is closed for good'
        WHEN new_state = 'closed' AND (standing.balance_minor <> 0 OR standing.held_minor <> 0)
            THEN format('it holds %s, of which %s are held: bring both to zero', standing.balance_minor, standing.held_minor)
        WHEN bill_back_minor IS NOT NULL AND standing.floor_minor IS NULL THEN 'it is not guarded, so it needs no limit'
        WHEN bill_back_minor < 0 THEN 'a limit of bill-back is not negative'
        WHEN -bill_back_minor > standing.balance_minor - standing.held_minor
            THEN format('it is at %s already, below that limit', standing.balance_minor - standing.held_minor)
    END;
    IF fault IS NOT NULL THEN
        RAISE EXCEPTION 'account % cannot be changed so: %', change_account.code, fault
            USING ERRCODE = 'QT422', CONSTRAINT = 'account_change_is_allowed', HINT = fault;
    END IF;
    UPDATE public.balances b
        SET state = coalesce(new_state, b.state), floor_minor = coalesce(-bill_back_minor, b.floor_minor)
        WHERE b.account_id = account;
    INSERT INTO public.account_changes (account_id, state, floor_minor, actor, because)
        SELECT b.account_id, b.state, b.floor_minor, change_account.actor, change_account.because
            FROM public.balances b WHERE b.account_id = account;
    RETURN QUERY SELECT b.state, b.floor_minor FROM public.balances b WHERE b.account_id = account;
END
$$;
GRANT EXECUTE ON FUNCTION public.change_account TO quittance_app;
"""

HOLDS = """
CREATE TABLE public.holds (
    hold_id text COLLATE "C" PRIMARY KEY CONSTRAINT hold_id_form CHECK (hold_id ~ '^[!-~]{1,200}$'),
    account_id bigint NOT NULL REFERENCES public.accounts (account_id),
    amount_minor bigint NOT NULL CONSTRAINT hold_amount_positive CHECK (amount_minor > 0),
    posted_minor bigint NOT NULL DEFAULT 0 CONSTRAINT hold_posted_within_amount CHECK (posted_minor BETWEEN 0 AND amount_minor),
    state text NOT NULL DEFAULT 'pending'
        CONSTRAINT hold_state_known CHECK (state IN ('pending', 'posted', 'voided', 'expired')),
    entry_id bigint REFERENCES public.entries (entry_id),
    expires_at timestamptz NOT NULL,
    actor text NOT NULL CONSTRAINT hold_actor_length CHECK (length(actor) BETWEEN 1 AND 200),
    because text NOT NULL CONSTRAINT hold_reason_length CHECK (length(because) BETWEEN 1 AND 500),
    placed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at timestamptz,
    ended_by text,
    CONSTRAINT hold_ends_once CHECK ((state = 'pending') = (ended_at IS NULL) AND (state = 'posted') = (entry_id IS NOT NULL))
);
CREATE INDEX holds_account ON public.holds (account_id) WHERE state = 'pending';

CREATE FUNCTION public.place_hold(
    hold text, code text, currency text, amount_minor bigint, expires_at timestamptz, actor text, because text
) RETURNS public.holds LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    account bigint := public.account_of(place_hold.code, place_hold.currency);
    standing public.balances;
    placed public.holds;
    missing bigint;
BEGIN
    SELECT b.* INTO standing FROM public.balances b WHERE b.account_id = account FOR NO KEY UPDATE;
    SELECT h.* INTO placed FROM public.holds h WHERE h.hold_id = hold;
    IF FOUND THEN
        IF (placed.account_id, placed.amount_minor, placed.expires_at)
            IS DISTINCT FROM (account, place_hold.amount_minor, place_hold.expires_at)
        THEN
            RAISE EXCEPTION 'hold % exists with other content', hold
                USING ERRCODE = 'QT409', CONSTRAINT = 'hold_id_is_unique', DETAIL = hold;
        END IF;
        RETURN placed;
    END IF;
    IF standing.state <> 'open' THEN
        RAISE EXCEPTION 'hold % is refused: account % is %', hold, place_hold.code, standing.state
            USING ERRCODE = 'QT422', CONSTRAINT = 'account_is_open', DETAIL = hold,
                HINT = format('account %s is %s', place_hold.code, standing.state);
    END IF;
    missing := coalesce(standing.floor_minor, 0)
        - (standing.balance_minor - standing.held_minor - place_hold.amount_minor);
    IF missing > 0 THEN
        RAISE EXCEPTION 'hold % is refused: account % is short of % %', hold, place_hold.code, missing, place_hold.currency
            USING ERRCODE = 'QT422', CONSTRAINT = 'account_is_covered', DETAIL = hold,
                HINT = json_build_object('account', place_hold.code, 'currency', place_hold.currency,
                    'missing_minor', missing)::text;
    END IF;
    INSERT INTO public.holds (hold_id, account_id, amount_minor, expires_at, actor, because)
        VALUES (hold, account, place_hold.amount_minor, place_hold.expires_at, place_hold.actor, place_hold.because)
        RETURNING * INTO placed;
    UPDATE public.balances b SET held_minor = b.held_minor + place_hold.amount_minor WHERE b.account_id = account;
    RETURN placed;
END
$$;
GRANT EXECUTE ON FUNCTION public.place_hold TO quittance_app;
"""

# Ended with an entry that takes from the account at most what was held, or without one; the rest is available again.
END_HOLD = """
CREATE FUNCTION public.end_hold(hold text, how text, given jsonb, actor text) RETURNS public.holds
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    held public.holds;
    posted record;
    ended_with bigint;
    taken bigint;
BEGIN
    IF (how = 'posted') IS DISTINCT FROM (given IS NOT NULL) OR how NOT IN ('posted', 'voided', 'expired') THEN
        RAISE EXCEPTION 'a hold is posted with an entry, or voided or expired without one' USING ERRCODE = 'QT422';
    END IF;
    SELECT h.* INTO held FROM public.holds h WHERE h.hold_id = hold FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no hold %', hold USING ERRCODE = 'QT422', CONSTRAINT = 'hold_is_known', DETAIL = hold,
            HINT = format('there is no hold %s', hold);
    END IF;
    IF held.state <> 'pending' AND (held.state <> how OR how <> 'posted') THEN
        IF held.state = how THEN
            RETURN held;
        END IF;
        RAISE EXCEPTION 'hold % is % already', hold, held.state
            USING ERRCODE = 'QT409', CONSTRAINT = 'hold_is_pending', DETAIL = hold, HINT = held.state;
    END IF;
    IF how = 'expired' AND held.expires_at > clock_timestamp() THEN
        RAISE EXCEPTION 'hold % has not expired', hold
            USING ERRCODE = 'QT422', CONSTRAINT = 'hold_has_expired', DETAIL = hold, HINT = 'it has not expired';
    END IF;
    IF held.state = 'pending' THEN
        PERFORM b.account_id FROM public.balances b
            WHERE b.account_id = held.account_id OR b.account_id IN (
                SELECT a.account_id FROM public.given_entries(coalesce(given, '[]')) e
                    CROSS JOIN public.given_lines(e.lines) l
                    JOIN public.accounts a ON a.code = l.code AND a.currency = l.currency
            )
            ORDER BY b.account_id FOR NO KEY UPDATE;
        UPDATE public.balances b SET held_minor = b.held_minor - held.amount_minor WHERE b.account_id = held.account_id;
    END IF;
    IF how = 'posted' THEN
        IF jsonb_array_length(given) <> 1 THEN
            RAISE EXCEPTION 'a hold is posted with one entry' USING ERRCODE = 'QT422';
        END IF;
        SELECT p.* INTO posted FROM public.post_entries(given) p;
        ended_with := posted.entry_id;
        SELECT coalesce(sum(l.before_minor - l.after_minor), 0) INTO taken
            FROM public.lines l WHERE l.entry_id = posted.entry_id AND l.account_id = held.account_id;
        IF held.state = 'posted' THEN
            IF held.entry_id IS DISTINCT FROM posted.entry_id THEN
                RAISE EXCEPTION 'hold % is posted already, with another entry', hold
                    USING ERRCODE = 'QT409', CONSTRAINT = 'hold_is_pending', DETAIL = hold, HINT = held.state;
            END IF;
            RETURN held;
        END IF;
        IF NOT posted.is_new OR taken NOT BETWEEN 1 AND held.amount_minor THEN
            RAISE EXCEPTION 'hold % is of %, and the entry takes %', hold, held.amount_minor, taken
                USING ERRCODE = 'QT422', CONSTRAINT = 'hold_covers_entry', DETAIL = hold,
                    HINT = format('the hold is of %s, and the entry takes %s', held.amount_minor, taken);
        END IF;
    END IF;
    UPDATE public.holds h
        SET state = how, posted_minor = coalesce(taken, 0), entry_id = ended_with,
            ended_at = clock_timestamp(), ended_by = end_hold.actor
        WHERE h.hold_id = hold RETURNING h.* INTO held;
    RETURN held;
END
$$;
GRANT EXECUTE ON FUNCTION public.end_hold TO quittance_app;
"""

GUARD = """
CREATE TRIGGER never_changed BEFORE UPDATE OR DELETE ON public.account_changes
    FOR EACH ROW EXECUTE FUNCTION public.refuse_change();
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON public.account_changes
    FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();
ALTER TABLE public.account_changes ENABLE ALWAYS TRIGGER never_changed, ENABLE ALWAYS TRIGGER never_emptied;
CREATE TRIGGER never_deleted BEFORE DELETE ON public.holds FOR EACH ROW EXECUTE FUNCTION public.refuse_change();
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON public.holds FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();
ALTER TABLE public.holds ENABLE ALWAYS TRIGGER never_deleted, ENABLE ALWAYS TRIGGER never_emptied;
GRANT SELECT ON public.account_changes, public.holds TO quittance_app;
"""


def upgrade() -> None:
    """Create what an account's standing and its holds are made of."""
    connection = op.get_bind()
    connection.exec_driver_sql("SET LOCAL ROLE quittance_owner")
    for statement in (STANDING, HOLDS, END_HOLD, GUARD):
        connection.exec_driver_sql(statement)
