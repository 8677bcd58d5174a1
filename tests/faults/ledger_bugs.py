"""The planted bugs of the books: money that is booked too early, twice, wrongly or not at all, and a proof that looks away."""

from tests.faults.planted import Bug, Change

CHARGES = "tests/workflows/test_charge.py"
DEADLINES = "tests/workflows/test_deadlines.py"
FINDINGS = "tests/prove/test_findings.py"
CHARGE_BOOKS = "tests/activities/test_charge_books.py"

OF_BOOKS = (
    Bug(
        "the entry is posted before the call",
        [
            Change(
                "activities/charge_books.py",
                "            operation, _ = await operations.intend(connection, first)\n",
                "            operation, _ = await operations.intend(connection, first)\n"
                "            early = consequences.fact_of(charge, operation, operation.amount, operation.requested_at)\n"
                "            await journal.post(connection, [consequences.posting.captured(early)])\n",
            )
        ],
        f"{CHARGE_BOOKS}::test_nothing_is_booked_before_the_gateway_has_said_that_it_happened",
    ),
    Bug(
        "an error of a COMMIT is swallowed",
        [
            Change(
                "ledger/database.py",
                "class TransactionId(UserDefinedType[str]):\n",
                "def _careless(_: object, connection: object) -> None:\n"
                "    try:\n"
                "        connection.commit()\n"
                "    except Exception:\n"
                "        pass\n\n\n"
                "from sqlalchemy.dialects.postgresql.psycopg import PGDialectAsync_psycopg\n\n"
                "PGDialectAsync_psycopg.do_commit = _careless\n\n\n"
                "class TransactionId(UserDefinedType[str]):\n",
            )
        ],
        "tests/faults/test_commits.py::test_a_commit_without_an_answer_is_told_to_whoever_sent_it",
    ),
    Bug(
        "the fee is not booked",
        [Change("activities/consequences.py", "if fee is None or fee.amount_minor == 0:", "if True:")],
        "tests/activities/test_consequences.py",
    ),
    Bug(
        "the exposure stays when the outcome is known",
        [
            Change(
                "activities/charge_decisions.py",
                'consequences.of_known(case.charge, before, now) if before.outcome == "unknown" else []',
                "[]",
            )
        ],
        f"{DEADLINES}::test_an_unknown_outcome_shows_its_exposure_until_it_is_known[paypal]",
    ),
    Bug(
        "refunds are not held against what is left",
        [
            Change("ledger/refunds.py", "if asked.amount_minor == 0 or left < asked:", "if asked.amount_minor == 0:"),
            Change(
                "ledger/migrations/versions/0005_charges_and_operations.py",
                "CHECK (refunded_minor + refund_reserved_minor <= captured_minor)",
                "CHECK (true)",
            ),
            Change(
                "ledger/migrations/versions/0013_withdrawals.py",
                "NEW.refund_reserved_minor > OLD.refund_reserved_minor",
                "false",
            ),
        ],
        "tests/workflows/test_refund.py::test_of_fifty_refunds_at_once_of_60_on_100_exactly_one_succeeds[stripe]",
    ),
    Bug(
        "an entry may be posted twice under one reference",
        [
            Change(
                "ledger/migrations/versions/0003_journal.py",
                'reference text COLLATE "C" NOT NULL UNIQUE CONSTRAINT',
                'reference text COLLATE "C" NOT NULL CONSTRAINT',
            )
        ],
        "tests/ledger/test_journal_races.py::test_of_twenty_who_post_the_same_entry_one_does",
    ),
    Bug(
        "an entry may be made that is out by a cent",
        [
            Change(
                "ledger/entries.py",
                "for key, amount in surplus.items() if amount}",
                "for key, amount in surplus.items() if abs(amount) > 1}",
            )
        ],
        "tests/ledger/test_entries.py::test_an_entry_is_made_only_where_debits_are_credits",
    ),
    Bug(
        "the tables take an entry that is out by a cent",
        [
            Change(
                "ledger/migrations/versions/0015_chart.py",
                "sum(CASE l.side WHEN 'debit' THEN l.amount_minor ELSE -l.amount_minor END) = 0 AS is_balanced",
                "abs(sum(CASE l.side WHEN 'debit' THEN l.amount_minor ELSE -l.amount_minor END)) <= 1 AS is_balanced",
            )
        ],
        "tests/ledger/test_journal_guards.py::test_nobody_writes_a_wrong_entry",
    ),
    Bug(
        "the proof tolerates a cent",
        [
            Change(
                "ledger/proofs/operation_checks.py",
                "    if len(set(stated.values())) > 1:\n",
                "    amounts, currencies = zip(*stated.values(), strict=True)\n"
                "    if max(amounts) - min(amounts) > 1 or len(set(currencies)) > 1:\n",
            ),
            Change(
                "ledger/proofs/account_checks.py", "        if has != should:\n", "        if abs(has - should) > 1:\n"
            ),
        ],
        f"{FINDINGS}::test_a_planted_defect_is_found_and_nothing_else",
    ),
    Bug(
        "the proof tolerates a cent in the charge's own numbers",
        [
            Change(
                "ledger/proofs/charge_checks.py",
                "        if amount != expected[name]:\n",
                "        if abs(amount - expected[name]) > 1:\n",
            )
        ],
        f"{FINDINGS}::test_a_planted_defect_is_found_and_nothing_else",
    ),
    Bug(
        "the trial balance may be out by a cent",
        [
            Change(
                "ledger/proofs/entry_checks.py",
                "        if difference != explained[total.currency, total.is_memo]:\n",
                "        if abs(difference - explained[total.currency, total.is_memo]) > 1:\n",
            )
        ],
        "tests/prove/test_join.py::test_a_trial_balance_that_no_entry_explains_is_found",
    ),
    Bug(
        "more may be captured than was authorized",
        [
            Change(
                "ledger/migrations/versions/0005_charges_and_operations.py",
                "CHECK (captured_minor <= authorized_minor)",
                "CHECK (captured_minor <= authorized_minor + 1)",
            )
        ],
        "tests/ledger/test_limits.py::test_a_charge_has_amounts_within_its_limits_and_no_others",
    ),
    Bug(
        "yen are written with two decimal places",
        [Change("gateways/stripe_amounts.py", "GNF JPY KMF", "GNF KMF")],
        f"{CHARGES}::test_currencies_without_and_with_three_decimals_arrive_exactly",
    ),
    Bug(
        "a hold is placed without the lock of its account",
        [
            Change(
                "ledger/migrations/versions/0018_standing_and_holds.py",
                "FOR NO KEY UPDATE;\n    SELECT h.* INTO placed",
                ";\n    SELECT h.* INTO placed",
            )
        ],
        "tests/ledger/test_guard_races.py::test_who_holds_and_who_spends_never_promise_the_same_money_twice",
    ),
    Bug(
        "what is held is available",
        [
            Change(
                "ledger/migrations/versions/0017_refusals.py",
                "o.after_minor - b.held_minor < b.floor_minor",
                "o.after_minor < b.floor_minor",
            )
        ],
        "tests/ledger/test_holds.py::test_what_is_held_is_pending_and_not_available",
    ),
    Bug(
        "what a customer gets back twice is taken off what is owed to others",
        [Change("ledger/excess_posting.py", "off = min(back_minor, owed)", "off = back_minor")],
        "tests/activities/test_excess_books.py",
    ),
    Bug(
        "an account on which facts are booked can be frozen",
        [
            Change(
                "ledger/migrations/versions/0018_standing_and_holds.py",
                "WHEN row.guarded IS NOT TRUE THEN",
                "WHEN false THEN",
            )
        ],
        "tests/ledger/test_account_standing.py::test_an_account_on_which_facts_are_booked_is_never_shut",
    ),
)
