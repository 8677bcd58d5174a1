"""Balances and lines of the past, by what had happened at a moment and by what was known at one; logs and the audit trail.

Both clocks run up with an account's sequence: `recorded_at` by itself, `event_high` as a running maximum. So a moment is a
place in the sequence, found in an index, and what is left are the late lines that span it.
"""

from alembic import op

revision = "0025"
down_revision = "0024"

# Where a late line is in their index: with those of its account that are about as late. Seldom is a line late by days, but
# those that are span each moment of those days: among the many others each would be on a page of its own. The place is a
# range, since GiST knows no order of numbers.
LATE_PLACE = """
CREATE FUNCTION public.late_place(account bigint, event_at timestamptz, event_high timestamptz) RETURNS int8range
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN CASE
    WHEN event_high - event_at < interval '1 minute' THEN int8range(account * 4, account * 4 + 1)
    WHEN event_high - event_at < interval '1 hour' THEN int8range(account * 4 + 1, account * 4 + 2)
    WHEN event_high - event_at < interval '1 day' THEN int8range(account * 4 + 2, account * 4 + 3)
    ELSE int8range(account * 4 + 3, account * 4 + 4)
END;
CREATE FUNCTION public.late_places(account bigint) RETURNS int8range
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN int8range(account * 4, account * 4 + 4);
GRANT EXECUTE ON FUNCTION public.late_place, public.late_places TO quittance_app, quittance_auditor;
"""

# With what a balance is made of, so that no row is fetched for it. Queries of late lines name the account as their index has
# it, and in no other way, so that no plan prefers another index.
INDEXES = """
DROP INDEX public.lines_recorded, public.lines_happened, public.lines_late;
CREATE INDEX lines_recorded ON public.lines (account_id, recorded_at, sequence) INCLUDE (after_minor);
CREATE INDEX lines_happened ON public.lines (account_id, event_high, sequence) INCLUDE (after_minor);
CREATE INDEX lines_late ON public.lines
    USING gist (public.late_place(account_id, event_at, event_high), tstzrange(event_at, event_high))
    INCLUDE (account_id, event_at, event_high, recorded_at, before_minor, after_minor) WHERE event_at < event_high;
"""

# Plain SQL, so that the planner takes it into the statements that use it. `infinity` for a clock that does not matter.
BALANCE_AT = """
CREATE FUNCTION public.balance_at(account bigint, happened timestamptz, known timestamptz)
RETURNS TABLE (balance_minor bigint, line_count bigint)
LANGUAGE sql STABLE BEGIN ATOMIC
    SELECT CASE WHEN h.sequence <= k.sequence THEN h.after_minor WHEN k.sequence < h.sequence THEN k.after_minor ELSE 0 END
                + late.moved,
            CASE WHEN h.sequence <= k.sequence THEN h.sequence WHEN k.sequence < h.sequence THEN k.sequence ELSE 0 END
                + late.line_count
        FROM (
            -- All of them come after the place that is found below: up to it, `event_high` is at most `happened`.
            SELECT coalesce(sum(l.after_minor - l.before_minor), 0)::bigint AS moved, count(*) AS line_count
                FROM public.lines l
                WHERE public.late_place(l.account_id, l.event_at, l.event_high) <@ public.late_places(account) AND l.event_at < l.event_high
                    AND tstzrange(l.event_at, l.event_high) @> happened AND l.recorded_at <= known
        ) late
        LEFT JOIN LATERAL (
            SELECT l.sequence, l.after_minor FROM public.lines l
                WHERE l.account_id = account AND l.event_high <= happened
                ORDER BY l.event_high DESC, l.sequence DESC LIMIT 1
        ) h ON true
        LEFT JOIN LATERAL (
            SELECT l.sequence, l.after_minor FROM public.lines l
                WHERE l.account_id = account AND l.recorded_at <= known
                ORDER BY l.recorded_at DESC, l.sequence DESC LIMIT 1
        ) k ON true;
END;
COMMENT ON FUNCTION public.balance_at IS
    'What an account held at a moment, by what was known at another, and of how many lines';
GRANT EXECUTE ON FUNCTION public.balance_at TO quittance_app, quittance_auditor;
"""

# Of an entry of a withdrawal the gateway's object is in its reference, between the operation and what follows.
ACCOUNT_LOG = """
CREATE VIEW public.entry_origins WITH (security_invoker = true) AS
    SELECT e.entry_id, o.gateway, coalesce(w.reference, o.gateway_reference, o.payment_reference) AS gateway_reference,
            u.reference AS reverses,
            ARRAY(
                SELECT r.reference FROM public.entries r WHERE r.reverses_entry_id = e.entry_id ORDER BY r.entry_id
            ) AS reversed_by
        FROM public.entries e
        LEFT JOIN public.operations o ON o.operation_id = e.operation_id
        LEFT JOIN public.entries u ON u.entry_id = e.reverses_entry_id
        LEFT JOIN LATERAL (
            SELECT t.reference FROM public.withdrawals t
                WHERE t.charge_id = e.charge_id AND t.operation_id = e.operation_id
                    AND starts_with(e.reference || ':', format('%s:%s:%s:', t.operation_id, t.kind, t.reference))
                ORDER BY length(t.reference) DESC LIMIT 1
        ) w ON true;
COMMENT ON VIEW public.entry_origins IS 'The gateway''s object that an entry comes from, and the entries that undo each other';
CREATE VIEW public.account_log WITH (security_invoker = true) AS
    SELECT l.account_id, a.code AS account, l.currency, l.line_id, l.sequence,
            l.before_minor, l.after_minor - l.before_minor AS change_minor, l.after_minor, l.side, l.amount_minor,
            e.reference, e.rule, e.description, e.reason_code, e.actor, e.charge_id, e.operation_id,
            g.gateway, g.gateway_reference, l.event_at, l.recorded_at, g.reverses, g.reversed_by
        FROM public.lines l
        JOIN public.accounts a ON a.account_id = l.account_id
        JOIN public.entries e ON e.entry_id = l.entry_id
        JOIN public.entry_origins g ON g.entry_id = l.entry_id;
COMMENT ON VIEW public.account_log IS 'Each line of an account: balance before, adjustment, balance after, who, why and from what';
GRANT SELECT ON public.entry_origins, public.account_log TO quittance_app, quittance_auditor;
"""

# A line is on time where `event_at = event_high`. In a span of what happened are the lines whose `event_high` is in it, and
# the late ones that begin in it and end behind it.
HAPPENED_BETWEEN = """
CREATE FUNCTION public.happened_between(account bigint, first timestamptz, last timestamptz, known timestamptz)
RETURNS TABLE (line_id bigint, sequence bigint, change_minor bigint)
LANGUAGE sql STABLE BEGIN ATOMIC
    SELECT l.line_id, l.sequence, l.after_minor - l.before_minor FROM public.lines l
        WHERE l.account_id = account AND l.event_high >= first AND l.event_high <= last
            AND l.event_at >= first AND l.recorded_at <= known
    UNION ALL
    SELECT l.line_id, l.sequence, l.after_minor - l.before_minor FROM public.lines l
        WHERE public.late_place(l.account_id, l.event_at, l.event_high) <@ public.late_places(account) AND l.event_at < l.event_high
            AND tstzrange(l.event_at, l.event_high) @> last AND l.event_at >= first AND l.recorded_at <= known;
END;
GRANT EXECUTE ON FUNCTION public.happened_between TO quittance_app, quittance_auditor;
"""

# Those on time are in an index in the order of what happened, and the late ones among them are few, so that a page costs
# what it shows.
LAST_HAPPENED = """
CREATE FUNCTION public.last_happened(
    account bigint, first timestamptz, last timestamptz, before bigint, known timestamptz, most integer
)
RETURNS TABLE (line_id bigint)
LANGUAGE sql STABLE BEGIN ATOMIC
    WITH on_time AS MATERIALIZED (
        SELECT l.line_id, l.event_at, l.sequence FROM public.lines l
            WHERE l.account_id = account AND l.event_high >= first AND (l.event_high, l.sequence) < (last, before)
                AND l.event_at = l.event_high AND l.recorded_at <= known
            ORDER BY l.event_high DESC, l.sequence DESC LIMIT most
    ), reached AS MATERIALIZED (
        SELECT CASE WHEN count(*) < most THEN last_happened.first ELSE min(o.event_at) END AS back_to FROM on_time o
    )
    SELECT p.line_id FROM (
        SELECT o.line_id, o.event_at, o.sequence FROM on_time o
        UNION ALL
        SELECT l.line_id, l.event_at, l.sequence FROM reached r
            JOIN public.lines l ON tstzrange(l.event_at, l.event_high) && tstzrange(r.back_to, last, '[]')
            WHERE public.late_place(l.account_id, l.event_at, l.event_high) <@ public.late_places(account) AND l.event_at < l.event_high
                AND l.event_at >= r.back_to AND (l.event_at, l.sequence) < (last, before) AND l.recorded_at <= known
    ) p
    ORDER BY p.event_at DESC, p.sequence DESC LIMIT most;
END;
COMMENT ON FUNCTION public.last_happened IS
    'The last lines of an account in the order of what happened, before the line of this moment and sequence';
GRANT EXECUTE ON FUNCTION public.last_happened TO quittance_app, quittance_auditor;
"""

AUDIT_EVENTS = """
CREATE VIEW public.audit_events WITH (security_invoker = true) AS
    SELECT e.recorded_at AS at, e.actor, 'entry_posted' AS what, e.reference AS subject, e.description AS detail,
            e.reason_code AS reason, e.rule, e.event_at, e.charge_id, e.operation_id, e.entry_id
        FROM public.entries e
    UNION ALL
    SELECT c.changed_at, c.actor, 'account_changed', format('%s %s', a.code, a.currency),
            CASE WHEN c.floor_minor IS NULL THEN c.state ELSE format('%s, may fall to %s minor units', c.state, c.floor_minor) END,
            c.because, NULL, NULL, NULL, NULL, NULL
        FROM public.account_changes c JOIN public.accounts a ON a.account_id = c.account_id
    UNION ALL
    SELECT h.placed_at, h.actor, 'hold_placed', h.hold_id,
            format('%s minor units of %s %s', h.amount_minor, a.code, a.currency), h.because, NULL, NULL, NULL, NULL, NULL
        FROM public.holds h JOIN public.accounts a ON a.account_id = h.account_id
    UNION ALL
    SELECT h.ended_at, coalesce(h.ended_by, h.actor), 'hold_ended', h.hold_id,
            format('%s, with %s of %s minor units', h.state, h.posted_minor, h.amount_minor), h.ended_because,
            NULL, NULL, NULL, NULL, h.entry_id
        FROM public.holds h WHERE h.ended_at IS NOT NULL
    UNION ALL
    SELECT r.resolved_at, coalesce(r.resolved_by, 'gateway'), 'review_resolved', coalesce(r.operation_id, r.charge_id),
            format('%s: %s', r.reason, r.resolution), r.because, NULL, NULL, r.charge_id, r.operation_id, NULL
        FROM public.reviews r WHERE r.resolved_at IS NOT NULL
    UNION ALL
    SELECT a.requested_at, format('person:%s', a.requester), 'adjustment_requested', a.adjustment_id,
            format('%s approvals needed; evidence: %s', a.approvals_needed, a.evidence),
            format('%s: %s', a.reason_code, a.because), NULL, NULL, NULL, NULL, a.posted_entry_id
        FROM public.adjustments a
    UNION ALL
    SELECT d.decided_at, format('person:%s', d.person),
            CASE d.decision WHEN 'approve' THEN 'adjustment_approved' ELSE 'adjustment_rejected' END, d.adjustment_id,
            format('seen: %s', encode(d.seen_hash, 'hex')), d.because, NULL, NULL, NULL, NULL, a.posted_entry_id
        FROM public.adjustment_decisions d JOIN public.adjustments a ON a.adjustment_id = d.adjustment_id
    UNION ALL
    SELECT p.changed_at, format('person:%s', p.changed_by), 'period_changed', p.period,
            concat(p.from_state, ' to ', p.to_state, ', approved by person:' || p.approved_by), p.because,
            NULL, NULL, NULL, NULL, NULL
        FROM public.period_changes p;
COMMENT ON VIEW public.audit_events IS 'Who did what to the books, when, and why';
GRANT SELECT ON public.audit_events TO quittance_app, quittance_auditor;
"""


def upgrade() -> None:
    """Create the functions and views that look back."""
    connection = op.get_bind()
    connection.exec_driver_sql("SET LOCAL ROLE quittance_owner")
    for statement in (LATE_PLACE, INDEXES, BALANCE_AT, ACCOUNT_LOG, HAPPENED_BETWEEN, LAST_HAPPENED, AUDIT_EVENTS):
        connection.exec_driver_sql(statement)
