"""What people do to an account: freeze it, close it, let it go below zero to a limit; and holds, money promised elsewhere.

What is available of an account is its balance less what is held. A hold is posted in full or in part, voided, or expires.
"""

from alembic import op

revision = "0018"
down_revision = "0017"

# Facts of gateways must always find their accounts open. They are booked on accounts of the house and of gateways, and on
# what customers owe, which has no guard: only a guarded account that belongs to others can be frozen, closed or held on.
STANDING = """
CREATE TABLE public.account_changes (
    change_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id bigint NOT NULL REFERENCES public.accounts (account_id),
    state text NOT NULL,
    floor_minor bigint,
    bill_back_minor bigint,
    actor text NOT NULL CONSTRAINT account_change_actor_length CHECK (length(actor) BETWEEN 1 AND 200),
    because text NOT NULL CONSTRAINT account_change_reason_length CHECK (length(because) BETWEEN 1 AND 500),
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE public.account_changes IS 'How an account stood after each change that somebody made to it';
COMMENT ON COLUMN public.account_changes.bill_back_minor IS 'The limit that was given, which stands whatever the chart says later; null where none was';
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
        WHEN row.owner IN ('house', 'gateway') THEN 'it belongs to the house or to a gateway, whose facts are always booked'
        WHEN row.guarded IS NOT TRUE THEN 'it has no guard, so facts must always be bookable on it'
        WHEN standing.state = 'closed' AND (new_state <> 'closed' OR bill_back_minor IS NOT NULL) THEN 'it is closed for good'
        WHEN new_state = 'closed' AND (standing.balance_minor <> 0 OR standing.held_minor <> 0)
            THEN format('it holds %s, of which %s are held: bring both to zero', standing.balance_minor, standing.held_minor)
        WHEN bill_back_minor < 0 THEN 'a limit of bill-back is not negative'
        WHEN -bill_back_minor > standing.balance_minor - standing.held_minor
            THEN format('it is at %s already, below that limit', standing.balance_minor - standing.held_minor)
    END;
    IF fault IS NOT NULL THEN
        RAISE EXCEPTION 'account % cannot be changed so: %', change_account.code, fault
            USING ERRCODE = 'QT422', CONSTRAINT = 'account_change_is_allowed', HINT = fault;
    END IF;
    -- Said again, it stands as it was first said.
    IF standing.state IS DISTINCT FROM coalesce(new_state, standing.state)
        OR standing.floor_minor IS DISTINCT FROM coalesce(-bill_back_minor, standing.floor_minor)
    THEN
        UPDATE public.balances b
            SET state = coalesce(new_state, b.state), floor_minor = coalesce(-bill_back_minor, b.floor_minor)
            WHERE b.account_id = account;
        INSERT INTO public.account_changes (account_id, state, floor_minor, bill_back_minor, actor, because)
            SELECT b.account_id, b.state, b.floor_minor, change_account.bill_back_minor, change_account.actor,
                    change_account.because
                FROM public.balances b WHERE b.account_id = account;
    END IF;
    RETURN QUERY SELECT b.state, b.floor_minor FROM public.balances b WHERE b.account_id = account;
END
$$;
GRANT EXECUTE ON FUNCTION public.change_account TO quittance_app;
"""

# Read and followed when a chart is loaded. The limit that somebody gave an account stands, whatever the chart says.
AS_CHARTED = """
CREATE FUNCTION public.as_charted()
RETURNS TABLE (
    account_id bigint, code text, currency text, available_minor bigint, floor_minor bigint, is_ours boolean,
    charted_floor bigint, fault text
)
LANGUAGE sql STABLE BEGIN ATOMIC
    SELECT f.account_id, f.code, f.currency, f.available_minor, f.floor_minor, f.is_ours, f.charted_floor, CASE
            WHEN f.charted_type IS NULL THEN 'is open, and the chart has no row for it'
            WHEN f.type <> f.charted_type OR f.normal_side <> f.charted_side
                THEN format('is open as %s with normal side %s: keep it so', f.type, f.normal_side)
            WHEN f.currency <> ALL (f.currencies) THEN 'is open, and the chart does not allow it in this currency'
            WHEN f.state <> 'open' AND (f.is_ours OR f.charted_floor IS NULL)
                THEN format('is %s, which only a guarded account of others can be', f.state)
            WHEN f.available_minor < f.charted_floor AND NOT f.is_ours AND f.floor_minor IS DISTINCT FROM f.charted_floor
                THEN format('has %s available in minor units, below the %s that the chart asks of it', f.available_minor,
                    f.charted_floor)
        END
    FROM (
        SELECT a.account_id, a.code, a.currency, a.type, a.normal_side, b.state, b.floor_minor,
                b.balance_minor - b.held_minor AS available_minor, c.type AS charted_type, c.normal_side AS charted_side,
                c.owner IN ('house', 'gateway') AS is_ours, c.currencies,
                CASE WHEN c.guarded THEN -coalesce(g.bill_back_minor, c.bill_back_minor, 0) END AS charted_floor
            FROM public.accounts a
            JOIN public.balances b ON b.account_id = a.account_id
            CROSS JOIN LATERAL public.charted(a.code) c
            LEFT JOIN LATERAL (
                SELECT l.bill_back_minor FROM public.account_changes l
                    WHERE l.account_id = a.account_id AND l.bill_back_minor IS NOT NULL ORDER BY l.change_id DESC LIMIT 1
            ) g ON true
    ) f;
END;
COMMENT ON FUNCTION public.as_charted IS 'Every account as the chart wants it, and how it contradicts the chart';
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
    ended_because text,
    CONSTRAINT hold_ends_once CHECK ((state = 'pending') = (ended_at IS NULL) AND (state = 'posted') = (entry_id IS NOT NULL))
);
CREATE INDEX holds_account ON public.holds (account_id) WHERE state = 'pending';

CREATE FUNCTION public.refuse_another_hold(placed public.holds, account bigint, amount_minor bigint, expires_at timestamptz)
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF (placed.account_id, placed.amount_minor, placed.expires_at) IS DISTINCT FROM (account, amount_minor, expires_at) THEN
        RAISE EXCEPTION 'hold % exists with other content', placed.hold_id
            USING ERRCODE = 'QT409', CONSTRAINT = 'hold_id_is_unique', DETAIL = placed.hold_id;
    END IF;
END
$$;

CREATE FUNCTION public.place_hold(
    hold text, code text, currency text, amount_minor bigint, expires_at timestamptz, actor text, because text
) RETURNS public.holds LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    account bigint := public.account_of(place_hold.code, place_hold.currency);
    row public.chart := public.charted(place_hold.code);
    standing public.balances;
    placed public.holds;
    missing bigint;
BEGIN
    SELECT b.* INTO standing FROM public.balances b WHERE b.account_id = account FOR NO KEY UPDATE;
    SELECT h.* INTO placed FROM public.holds h WHERE h.hold_id = hold;
    IF FOUND THEN
        PERFORM public.refuse_another_hold(placed, account, place_hold.amount_minor, place_hold.expires_at);
        RETURN placed;
    END IF;
    IF row.guarded IS NOT TRUE OR row.owner IN ('house', 'gateway') THEN
        RAISE EXCEPTION 'hold % is refused: account % takes none', hold, place_hold.code
            USING ERRCODE = 'QT422', CONSTRAINT = 'account_can_be_held_on', DETAIL = hold, HINT = place_hold.code;
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
        ON CONFLICT DO NOTHING
        RETURNING * INTO placed;
    IF NOT FOUND THEN
        -- Another was placed meanwhile on an account whose balance we did not lock, so that it is another hold for sure.
        SELECT h.* INTO placed FROM public.holds h WHERE h.hold_id = hold;
        PERFORM public.refuse_another_hold(placed, account, place_hold.amount_minor, place_hold.expires_at);
    END IF;
    UPDATE public.balances b SET held_minor = b.held_minor + place_hold.amount_minor WHERE b.account_id = account;
    RETURN placed;
END
$$;
GRANT EXECUTE ON FUNCTION public.place_hold TO quittance_app;
"""

# Ended with an entry that takes from the account at most what was held, or without one; the rest is available again.
# Its accounts are opened before balances are locked, as in any posting: whoever opens them too waits for no balance yet.
END_HOLD = """
CREATE FUNCTION public.end_hold(hold text, how text, given jsonb, actor text, because text) RETURNS public.holds
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    held public.holds;
    entry bigint;
    entry_name text;
    entry_is_new boolean;
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
    -- Its process ends it at that moment, but nobody may be quicker than that.
    IF how = 'posted' AND held.state = 'pending' AND held.expires_at <= clock_timestamp() THEN
        RAISE EXCEPTION 'hold % has expired', hold
            USING ERRCODE = 'QT409', CONSTRAINT = 'hold_is_pending', DETAIL = hold, HINT = 'expired';
    END IF;
    IF how = 'expired' AND held.expires_at > clock_timestamp() THEN
        RAISE EXCEPTION 'hold % has not expired', hold
            USING ERRCODE = 'QT422', CONSTRAINT = 'hold_has_expired', DETAIL = hold, HINT = 'it has not expired';
    END IF;
    IF held.state = 'pending' THEN
        PERFORM public.open_accounts(array_agg(e.reference), array_agg(l.code), array_agg(l.type),
                array_agg(l.normal_side), array_agg(l.currency))
            FROM public.given_entries(coalesce(given, '[]')) e CROSS JOIN public.given_lines(e.lines) l
            WHERE num_nulls(l.code, l.type, l.normal_side, l.currency) = 0
                AND (SELECT a.account_id FROM public.accounts a WHERE a.code = l.code AND a.currency = l.currency) IS NULL
            HAVING count(*) > 0;
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
        SELECT p.entry_id, p.reference, p.is_new INTO entry, entry_name, entry_is_new FROM public.post_entries(given) p;
        SELECT coalesce(sum(l.before_minor - l.after_minor), 0) INTO taken
            FROM public.lines l WHERE l.entry_id = entry AND l.account_id = held.account_id;
        IF held.state = 'posted' THEN
            IF held.entry_id IS DISTINCT FROM entry THEN
                RAISE EXCEPTION 'hold % is posted already, with another entry', hold
                    USING ERRCODE = 'QT409', CONSTRAINT = 'hold_is_pending', DETAIL = hold, HINT = held.state;
            END IF;
            RETURN held;
        END IF;
        IF NOT entry_is_new THEN
            RAISE EXCEPTION 'entry % was posted without hold %', entry_name, hold
                USING ERRCODE = 'QT422', CONSTRAINT = 'hold_covers_entry', DETAIL = hold,
                    HINT = format('entry %s is posted already, and not by this hold', entry_name);
        END IF;
        IF taken NOT BETWEEN 1 AND held.amount_minor THEN
            RAISE EXCEPTION 'hold % is of %, and the entry takes %', hold, held.amount_minor, taken
                USING ERRCODE = 'QT422', CONSTRAINT = 'hold_covers_entry', DETAIL = hold,
                    HINT = format('the hold is of %s, and the entry takes %s', held.amount_minor, taken);
        END IF;
    END IF;
    UPDATE public.holds h
        SET state = how, posted_minor = coalesce(taken, 0), entry_id = entry,
            ended_at = clock_timestamp(), ended_by = end_hold.actor, ended_because = end_hold.because
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
    for statement in (STANDING, AS_CHARTED, HOLDS, END_HOLD, GUARD):
        connection.exec_driver_sql(statement)
