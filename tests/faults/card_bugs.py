"""The planted bugs of the guard of cards: ways in which a card is tried more often than a network allows."""

from tests.faults.planted import Bug, Change

TABLES = "ledger/migrations/versions/0036_cards.py"
STEPS = "activities/charge_books.py"
CLAIMS = "tests/billing/test_card_claims.py"
CHARGES = "tests/activities/test_card_tries.py"

OF_CARDS = (
    Bug(
        "a card is counted without its lock",
        [Change(TABLES, " FOR NO KEY UPDATE;\n    IF NOT FOUND THEN", ";\n    IF NOT FOUND THEN")],
        f"{CLAIMS}::test_a_thousand_at_once_pass_no_ceiling",
    ),
    Bug(
        "what others claimed meanwhile is not looked at",
        [
            Change(
                TABLES,
                "        IF FOUND THEN\n            RETURN;\n        END IF;\n    END LOOP;",
                "        IF FOUND AND NOT locks THEN\n            RETURN;\n        END IF;\n    END LOOP;",
            )
        ],
        f"{CLAIMS}::test_a_thousand_at_once_pass_no_ceiling",
    ),
    Bug(
        "what is not decided does not count",
        [Change(TABLES, "AND t.at_network AND NOT t.is_approved\n", "AND t.is_decided AND NOT t.is_approved\n")],
        f"{CLAIMS}::test_what_is_not_decided_counts_as_refused",
    ),
    Bug(
        "a clock that is set back empties a window",
        [Change(TABLES, "SELECT greatest(t.tried_at, claim_card_try.tried_at)", "SELECT claim_card_try.tried_at")],
        f"{CLAIMS}::test_a_clock_that_is_behind_wins_nothing",
    ),
    Bug(
        "a claim that is asked for again is another one",
        [
            Change(
                TABLES,
                "        IF FOUND THEN\n            IF claim.card",
                "        IF false THEN\n            IF claim.card",
            )
        ],
        f"{CLAIMS}::test_a_claim_again_is_the_same_claim",
    ),
    Bug(
        "never is not asked for",
        [Change(TABLES, "IF known.never_at IS NOT NULL THEN", "IF false THEN")],
        f"{CLAIMS}::test_never_is_never",
    ),
    Bug(
        "a rung need not wait a day",
        [Change(TABLES, "AND claim_card_try.ours)", "AND false)")],
        f"{CLAIMS}::test_our_own_minimum_binds_who_asks_for_it",
    ),
    Bug(
        "tries of other amounts fill a ceiling of one",
        [Change(TABLES, "AND (NOT r.same_amount\n", "AND (true\n")],
        f"{CLAIMS}::test_the_database_counts_as_the_rules_do",
    ),
    Bug(
        "an approval does not begin a row anew",
        [Change(TABLES, "AND (NOT r.consecutive OR approved IS NULL OR", "AND (true OR")],
        f"{CLAIMS}::test_an_approval_begins_a_row_anew",
    ),
    Bug(
        "an old snapshot may count",
        [Change(TABLES, "IF current_setting('transaction_isolation') <> 'read committed' THEN", "IF false THEN")],
        f"{CLAIMS}::test_a_snapshot_that_is_older_than_the_lock_is_refused",
    ),
    Bug(
        "what came of a try is written down twice",
        [Change(TABLES, "settle_card_try.operation_id AND NOT t.is_decided\n", "settle_card_try.operation_id\n")],
        f"{CLAIMS}::test_what_came_of_a_try_is_written_down_once",
    ),
    Bug(
        "a database without ceilings lets everything pass",
        [Change(TABLES, "IF NOT EXISTS (SELECT FROM public.card_ceilings) THEN", "IF false THEN")],
        f"{CLAIMS}::test_without_ceilings_nothing_is_tried",
    ),
    Bug(
        "a charge asks for no card",
        [Change(STEPS, "            await card_tries.claim(connection, first, datetime.now(UTC))\n", "")],
        f"{CHARGES}::test_a_charge_on_a_card_that_rests_is_refused_before_anything_is_written",
    ),
    Bug(
        "a further attempt asks for no card",
        [Change(STEPS, "await card_tries.claim(connection, decision.new, now)", "pass")],
        f"{CHARGES}::test_no_further_attempt_is_made_on_a_card_that_rests",
    ),
    Bug(
        "a no is counted after the next attempt was asked for",
        [
            Change(
                STEPS,
                "        await card_tries.settle(connection, case, decision, now)\n        if decision is not None",
                "        if decision is not None",
            )
        ],
        f"{CHARGES}::test_a_card_that_is_refused_for_ever_is_not_tried_again_in_the_same_charge",
    ),
    Bug(
        "a gateway that was down is taken for the network",
        [Change("activities/card_verdicts.py", " not in NEVER_SENT and", " is not None and")],
        f"{CHARGES}::test_what_never_reached_the_network_is_not_counted",
    ),
    Bug(
        "a learnt fingerprint forgets what was tried before",
        [Change(TABLES, "    UPDATE public.card_tries t SET card = NEW.card WHERE t.card = token_card;\n", "")],
        f"{CHARGES}::test_a_fingerprint_is_learnt_once_with_all_that_was_tried_before",
    ),
    Bug(
        "never is lost with a token that is added again",
        [Change(TABLES, "IF token_row.never_at IS NOT NULL THEN", "IF false THEN")],
        f"{CHARGES}::test_never_stays_with_a_token_that_is_added_again",
    ),
    Bug(
        "a checkout of a card that nobody knew is not counted",
        [Change(TABLES, "IF NOT FOUND AND operation.payment_method IS NOT NULL THEN", "IF false THEN")],
        f"{CHARGES}::test_checkouts_of_a_card_that_was_not_known_count_once_it_is",
    ),
    Bug(
        "a stolen card is declined and forgotten",
        [Change("activities/card_verdicts.py", "found.scope is Scope.CARD else None", "False else None")],
        f"{CHARGES}::test_a_stolen_card_is_never_tried_again",
    ),
    Bug(
        "an upgrade forgets stolen cards",
        [
            Change(
                TABLES,
                "    WHERE t.is_now = f.card AND t.never_at IS NOT NULL",
                "    WHERE false AND t.is_now = f.card",
            )
        ],
        "tests/ledger/test_migrate.py::test_never_is_said_of_the_card_that_a_method_was_a_token_of",
    ),
)
