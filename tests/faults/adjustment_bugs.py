"""The planted bugs of manual adjustments: ways in which one person alone could move money in the books."""

from tests.faults.planted import Bug, Change

TABLES = "ledger/migrations/versions/0021_adjustments.py"
POSTING = "ledger/migrations/versions/0022_adjustment_posting.py"
REVERSALS = "ledger/migrations/versions/0026_reversals.py"
"""What is asked for and what is posted, as they are since adjustments may undo entries."""
DECISIONS = "ledger/migrations/versions/0035_decisions.py"
GUARDS = "tests/ledger/test_adjustment_guards.py"
ROWS = "tests/ledger/test_adjustments.py"
STEPS = "tests/activities/test_adjustment_books.py"
PROCESS = "tests/workflows/test_adjustment.py"

OF_ADJUSTMENTS = (
    Bug(
        "a person decides what they asked for",
        [Change(DECISIONS, "lower(NEW.person) = lower(adjustment.requester)),", "false),")],
        f"{GUARDS}::test_nobody_decides_what_they_asked_for",
    ),
    Bug(
        "another spelling of a name is another person",
        [
            Change(
                DECISIONS,
                "lower(NEW.person) = lower(adjustment.requester)),",
                "NEW.person = adjustment.requester),",
            )
        ],
        f"{GUARDS}::test_nobody_decides_what_they_asked_for",
    ),
    Bug(
        "a person counts twice",
        [
            Change(DECISIONS, "AND lower(d.person) = lower(NEW.person)", "AND false"),
            Change(TABLES, "(adjustment_id, lower(person));", "(adjustment_id, person, decided_at);"),
            Change(TABLES, "SELECT count(DISTINCT lower(d.person))", "SELECT count(*)"),
        ],
        f"{GUARDS}::test_a_person_counts_once",
    ),
    Bug(
        "nobody asks for the role",
        [Change(DECISIONS, "NOT has_the_role),", "false),")],
        f"{GUARDS}::test_only_who_has_the_role_at_that_moment_decides_or_asks",
    ),
    Bug(
        "an approval outlives the role of its person",
        [Change(TABLES, "($1).state <> 'requested' OR public.has_role(d.person, 'accountant')", "true")],
        f"{PROCESS}::test_an_approver_who_loses_the_role_has_approved_nothing",
    ),
    Bug(
        "an approval may be late",
        [Change(DECISIONS, "NEW.decided_at >= adjustment.expires_at)", "false)")],
        f"{GUARDS}::test_time_is_over_by_the_clock_of_the_database",
    ),
    Bug(
        "what was approved is posted however late",
        [
            Change(
                TABLES,
                "WHEN clock_timestamp() >= OLD.expires_at\n            THEN format(",
                "WHEN false\n            THEN format(",
            )
        ],
        f"{GUARDS}::test_an_approval_does_not_last_for_ever",
    ),
    Bug(
        "the hash that was seen is not looked at",
        [
            Change(DECISIONS, "NEW.seen_hash <> adjustment.entry_hash\n", "false\n"),
            Change(DECISIONS, "OR NEW.seen_hash <> sha256(convert_to(adjustment.entry, 'UTF8')))", ")"),
        ],
        f"{GUARDS}::test_a_decision_is_of_the_entry_that_was_frozen",
    ),
    Bug(
        "an entry that was changed after the request is posted",
        [
            Change(TABLES, "WHEN OLD.entry_hash <> sha256(convert_to(OLD.entry, 'UTF8')) THEN", "WHEN false THEN"),
            Change(TABLES, "            AND d.seen_hash = sha256(convert_to(($1).entry, 'UTF8'))\n", ""),
        ],
        f"{GUARDS}::test_what_was_changed_after_the_request_is_not_posted",
    ),
    Bug(
        "the journal takes an adjustment like any entry",
        [
            Change(
                POSTING,
                "BEFORE INSERT ON public.entries FOR EACH ROW\n    WHEN (NEW.rule = 'adjustment' OR",
                "BEFORE INSERT ON public.entries FOR EACH ROW\n    WHEN (false AND",
            ),
            Change(
                POSTING,
                "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW\n    WHEN (NEW.rule = 'adjustment' OR",
                "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW\n    WHEN (false AND",
            ),
        ],
        f"{GUARDS}::test_the_journal_takes_no_adjustment_past_its_approval",
    ),
    Bug(
        "an approved entry may be posted by anybody",
        [
            Change(
                REVERSALS,
                "a.state = 'approved' AND a.posting_transaction = pg_current_xact_id()",
                "a.state = 'approved'",
            )
        ],
        f"{GUARDS}::test_a_posting_that_was_begun_and_undone_opens_no_door",
    ),
    Bug(
        "what is posted is not held against what was approved",
        [Change(REVERSALS, "AND a.entry::jsonb -> 'lines' = posted", "")],
        f"{GUARDS}::test_the_entry_that_is_posted_is_held_against_the_one_that_was_approved",
    ),
    Bug(
        "one approval is enough for any amount",
        [Change(REVERSALS, "THEN 1 ELSE 2 END", "THEN 1 ELSE 1 END")],
        f"{GUARDS}::test_the_amount_says_how_many_have_to_approve",
    ),
    Bug(
        "one approval is enough in a currency that is not listed",
        [
            Change(
                REVERSALS,
                "s.debits <= t.one_approval_up_to_minor, false)",
                "s.debits <= t.one_approval_up_to_minor, true)",
            )
        ],
        f"{GUARDS}::test_the_amount_says_how_many_have_to_approve",
    ),
    Bug(
        "decisions do not wait for each other",
        [Change(DECISIONS, "a.adjustment_id = NEW.adjustment_id FOR UPDATE;", "a.adjustment_id = NEW.adjustment_id;")],
        f"{ROWS}::test_of_an_approval_and_a_rejection_at_once_one_counts",
    ),
    Bug(
        "a request ends by the clock of its process",
        [
            Change(
                POSTING,
                "a.state IN ('requested', 'approved') AND clock_timestamp() >= a.expires_at;",
                "a.state IN ('requested', 'approved');",
            ),
            Change(
                TABLES,
                "WHEN NEW.state = 'expired' AND clock_timestamp() >= OLD.expires_at THEN NULL",
                "WHEN NEW.state = 'expired' THEN NULL",
            ),
        ],
        f"{PROCESS}::test_a_process_whose_clock_is_ahead_of_the_books_ends_nothing_early",
    ),
    Bug(
        "a refused word gives a request more time",
        [
            Change(
                "workflows/adjustment.py",
                "return await self._desk.take(self._take_word) or standing",
                "return await self._desk.take(self._take_word) or self._show(standing)",
            )
        ],
        f"{PROCESS}::test_a_word_that_is_refused_gives_no_more_time",
    ),
    Bug(
        "a step that ran already is told as a second decision",
        [Change("activities/adjustment_books.py", "if error.rule != DECIDED_ALREADY:", "if error.rule:")],
        f"{STEPS}::test_each_step_that_runs_again_finds_what_it_did",
    ),
)
