"""Periods: months that are open, closing or closed, who may close them, and to which of them an entry belongs.

Postings share an advisory lock until their transaction ends; whoever changes a period's state takes it for itself.
"""

from alembic import op

revision = "0019"
down_revision = "0018"

LOCK = 7_300_614_092_117_017
"""The advisory lock between postings and changes of periods; the number means nothing else."""

PEOPLE_ROLES = """
CREATE TABLE public.people_roles (
    grant_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    person text COLLATE "C" NOT NULL CONSTRAINT person_form CHECK (person ~ '^[A-Za-z0-9_.-]{1,64}$'),
    role text COLLATE "C" NOT NULL CONSTRAINT role_form CHECK (role ~ '^[a-z][a-z_]{0,31}$'),
    from_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    until_at timestamptz
);
COMMENT ON TABLE public.people_roles IS 'Who held which role from when until when; loaded from the settings by worker.py --migrate';
CREATE UNIQUE INDEX role_is_held_once ON public.people_roles (person, role) WHERE until_at IS NULL;

CREATE FUNCTION public.role_begins_and_ends() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        NEW.from_at := clock_timestamp();
        NEW.until_at := NULL;
    ELSIF OLD.until_at IS NOT NULL OR to_jsonb(OLD) - 'until_at' IS DISTINCT FROM to_jsonb(NEW) - 'until_at' THEN
        RAISE EXCEPTION 'who held a role is kept for ever: a role that is held can only be ended' USING ERRCODE = 'QT403';
    ELSE
        NEW.until_at := clock_timestamp();
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER begins_and_ends BEFORE INSERT OR UPDATE ON public.people_roles
    FOR EACH ROW EXECUTE FUNCTION public.role_begins_and_ends();

CREATE FUNCTION public.has_role(person text, role text) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM FROM public.people_roles r
        WHERE r.person = has_role.person AND r.role = has_role.role AND r.until_at IS NULL FOR SHARE;
    RETURN FOUND;
END
$$;
COMMENT ON FUNCTION public.has_role IS
    'Whether the person holds the role now. If so, nobody takes it away before the transaction that asks has ended.';

CREATE FUNCTION public.keep_roles(given jsonb) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    LOCK TABLE public.people_roles IN SHARE ROW EXCLUSIVE MODE;
    UPDATE public.people_roles r SET until_at = clock_timestamp()
        WHERE r.until_at IS NULL AND given ? r.role AND NOT (given -> r.role) ? r.person;
    INSERT INTO public.people_roles (person, role)
        SELECT DISTINCT p.person, g.key FROM jsonb_each(given) g, jsonb_array_elements_text(g.value) p (person)
        ON CONFLICT DO NOTHING;
END
$$;
COMMENT ON FUNCTION public.keep_roles IS
    'Makes the persons given for each role those who hold it, and nobody else; roles that are not given stay as they are.';
"""

PERIODS = """
CREATE TABLE public.periods (
    name text COLLATE "C" PRIMARY KEY CONSTRAINT period_name_form CHECK (name ~ '^[0-9]{4}-[0-9A-Z]{2,8}$'),
    starts_on date NOT NULL UNIQUE,
    ends_on date NOT NULL UNIQUE,
    state text COLLATE "C" NOT NULL DEFAULT 'open'
        CONSTRAINT period_state_known CHECK (state IN ('open', 'closing', 'closed')),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT period_has_days CHECK (starts_on <= ends_on),
    CONSTRAINT periods_do_not_overlap EXCLUDE USING gist (daterange(starts_on, ends_on, '[]') WITH &&)
);
COMMENT ON COLUMN public.periods.ends_on IS 'Its last day; a day is one in UTC';

CREATE TABLE public.period_changes (
    change_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    period text COLLATE "C" NOT NULL REFERENCES public.periods (name),
    from_state text COLLATE "C" NOT NULL,
    to_state text COLLATE "C" NOT NULL,
    changed_at timestamptz NOT NULL,
    changed_by text COLLATE "C" NOT NULL,
    because text,
    approved_by text COLLATE "C",
    warnings jsonb NOT NULL DEFAULT '[]',
    transaction_id xid8 NOT NULL,
    CONSTRAINT period_change_known CHECK ((from_state, to_state) IN (
        ('open', 'closing'), ('open', 'closed'), ('closing', 'closed'), ('closing', 'open'), ('closed', 'open')
    )),
    CONSTRAINT reopening_is_approved_by_another CHECK (
        to_state <> 'open' OR coalesce(lower(approved_by) <> lower(changed_by) AND because ~ '\\S', false)
    ),
    CONSTRAINT warnings_are_answered CHECK (warnings = '[]' OR coalesce(because ~ '\\S', false))
);
CREATE INDEX period_changes_period ON public.period_changes (period, change_id);
COMMENT ON TABLE public.period_changes IS 'Every change of a period''s state: writing it here is what changes it';
COMMENT ON COLUMN public.period_changes.warnings IS 'What was still open when it was closed all the same';

-- There is room for facts that are older than the books: from the year before this one, or that of the first version.
INSERT INTO public.periods (name, starts_on, ends_on)
    SELECT to_char(m, 'YYYY-MM'), m::date, (m + interval '1 month')::date - 1
        FROM (
            SELECT min(event_at AT TIME ZONE 'UTC') AS oldest, max(event_at AT TIME ZONE 'UTC') AS newest,
                    clock_timestamp() AT TIME ZONE 'UTC' AS today
                FROM public.entries
        ) e, generate_series(
            least(date_trunc('month', e.oldest), date_trunc('year', e.today) - interval '1 year', timestamp '2026-01-01'),
            greatest(date_trunc('month', e.newest), date_trunc('month', e.today)),
            interval '1 month'
        ) m
        ORDER BY m;
"""

# The table is written anew, which no trigger sees: the entries' guards stay on.
ENTRIES = """
ALTER TABLE public.entries ADD COLUMN period text COLLATE "C";
ALTER TABLE public.entries
    ALTER COLUMN period TYPE text COLLATE "C" USING to_char(event_at AT TIME ZONE 'UTC', 'YYYY-MM'),
    ALTER COLUMN period SET NOT NULL,
    -- Checked by entries_are_in_open_periods: enforced here, every entry would lock its period's row.
    ADD FOREIGN KEY (period) REFERENCES public.periods (name) NOT ENFORCED;
COMMENT ON COLUMN public.entries.period IS 'The period in whose books it stands: that of event_at, or a later one where that was closed';
CREATE INDEX entries_period ON public.entries USING brin (period);
"""

# What is asked for most is answered by one index look-up. The lock comes first, and what is read after it is read anew.
PERIOD_FOR = """
CREATE FUNCTION public.make_periods(until date) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    first_day date;
BEGIN
    LOOP
        SELECT max(p.ends_on) + 1 INTO first_day FROM public.periods p;
        EXIT WHEN first_day > until;
        INSERT INTO public.periods (name, starts_on, ends_on)
            VALUES (to_char(first_day::timestamp, 'YYYY-MM'), first_day,
                (date_trunc('month', first_day::timestamp) + interval '1 month')::date - 1)
            ON CONFLICT DO NOTHING;
    END LOOP;
END
$$;

CREATE FUNCTION public.may_adjust(actor text) RETURNS boolean LANGUAGE sql SET search_path = pg_catalog, pg_temp
RETURN coalesce(starts_with(actor, 'person:') AND public.has_role(substr(actor, 8), 'closer'), false);

CREATE FUNCTION public.period_otherwise(event_at timestamptz, asked text, actor text, reference text)
RETURNS text LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    latest timestamptz := clock_timestamp() + interval '1 month';
    today date := (clock_timestamp() AT TIME ZONE 'UTC')::date;
    day date := (event_at AT TIME ZONE 'UTC')::date;
    first_day date := (SELECT min(p.starts_on) FROM public.periods p);
    choice record;
    fault text;
    kind text := 'event_has_a_period';
    posted text;
BEGIN
    IF event_at IS NULL OR event_at > latest THEN
        fault := format('it happens on %s, more than a month from now: check the clock that it comes from', day);
    ELSIF day < first_day THEN
        fault := format('it happened on %s, before the books begin on %s: post it as of that day', day, first_day);
    ELSE
        PERFORM public.make_periods(CASE WHEN asked IS NULL THEN greatest(day, today) ELSE (latest AT TIME ZONE 'UTC')::date END);
        SELECT p.name, p.state, p.ends_on INTO choice
            FROM public.periods p
            WHERE CASE WHEN asked IS NOT NULL THEN p.name = asked ELSE p.ends_on >= day AND (
                p.state = 'open' OR p.state = 'closing' AND public.may_adjust(actor)
            ) END
            ORDER BY p.starts_on LIMIT 1;
        IF choice.name IS NULL THEN
            fault := format('there is no period %s: name one of `periods list`, or none', asked);
        ELSIF asked IS NULL THEN
            RETURN choice.name;
        ELSIF choice.ends_on < day THEN
            fault := format('period %s ended on %s, before it happened on %s: name a later period, or none', asked, choice.ends_on, day);
        ELSIF choice.state = 'closed' OR choice.state = 'closing' AND NOT public.may_adjust(actor) THEN
            kind := 'period_is_open';
            fault := format('period %s is %s: leave its name out, and it goes to the next open period', asked, choice.state);
        ELSE
            RETURN choice.name;
        END IF;
    END IF;
    -- Posted before: whoever posts it again hears of the first one, whatever was closed since.
    SELECT e.period INTO posted FROM public.entries e WHERE e.reference = period_otherwise.reference;
    IF posted IS NOT NULL THEN
        RETURN posted;
    END IF;
    RAISE EXCEPTION 'entry % is refused: %', reference, fault
        USING ERRCODE = 'QT422', CONSTRAINT = kind, DETAIL = reference, HINT = fault;
END
$$;

CREATE FUNCTION public.period_for(
    event_at timestamptz, asked text, actor text DEFAULT NULL, reference text DEFAULT ''
) RETURNS text LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    day date := (event_at AT TIME ZONE 'UTC')::date;
    usual text;
BEGIN
    PERFORM pg_advisory_xact_lock_shared({lock});
    IF asked IS NULL AND event_at <= clock_timestamp() + interval '1 month' THEN
        SELECT p.name INTO usual FROM public.periods p WHERE p.starts_on <= day AND p.ends_on >= day AND p.state = 'open'
            ORDER BY p.starts_on DESC LIMIT 1;
    END IF;
    RETURN coalesce(usual, public.period_otherwise(event_at, asked, actor, reference));
END
$$;
COMMENT ON FUNCTION public.period_for IS
    'The period that an entry belongs to: that of event_at, or where that is closed the next one that is open; or the one '
    'that is asked for, if it is open. QT422 where there is none. Until the transaction ends, no period''s state changes.';
"""

# In a transaction with a fixed snapshot a period could look open after it was closed: its row is then locked, which fails.
ENTRY_GUARDS = """
CREATE FUNCTION public.entry_gets_period() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NEW.period := public.period_for(NEW.event_at, NULL, NEW.actor, NEW.reference);
    RETURN NEW;
END
$$;
CREATE TRIGGER entry_gets_period BEFORE INSERT ON public.entries FOR EACH ROW WHEN (NEW.period IS NULL)
    EXECUTE FUNCTION public.entry_gets_period();

CREATE FUNCTION public.entries_are_in_open_periods() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    fault record;
BEGIN
    PERFORM pg_advisory_xact_lock_shared({lock});
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        PERFORM FROM public.periods p WHERE p.name IN (SELECT a.period FROM added a) FOR SHARE;
    END IF;
    SELECT a.reference, a.period, CASE WHEN p.name IS NULL THEN 'not there' WHEN p.ends_on < (a.event_at AT TIME ZONE 'UTC')::date
            THEN 'over before it happened' ELSE p.state END AS state
        INTO fault
        FROM added a LEFT JOIN public.periods p ON p.name = a.period
        WHERE p.name IS NULL OR p.state = 'closed' OR p.ends_on < (a.event_at AT TIME ZONE 'UTC')::date
            OR p.state = 'closing' AND NOT public.may_adjust(a.actor)
        LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'entry % is refused: period % is %', fault.reference, fault.period, fault.state
            USING ERRCODE = 'QT422', CONSTRAINT = 'period_is_open', DETAIL = fault.reference,
                HINT = format('period %s is %s', fault.period, fault.state);
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER entries_are_in_open_periods AFTER INSERT ON public.entries REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION public.entries_are_in_open_periods();
ALTER TABLE public.entries ENABLE ALWAYS TRIGGER entry_gets_period, ENABLE ALWAYS TRIGGER entries_are_in_open_periods;
"""


def upgrade() -> None:
    """Give every entry its period, and keep entries out of closed ones."""
    connection = op.get_bind()
    connection.exec_driver_sql("SET LOCAL ROLE quittance_owner")
    for statement in (PEOPLE_ROLES, PERIODS, ENTRIES, PERIOD_FOR, ENTRY_GUARDS):
        connection.exec_driver_sql(statement.replace("{lock}", str(LOCK)))
