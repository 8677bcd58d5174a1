"""`invoices pay|return|apply|payments|check`: money that closes invoices, and whether billing and the journal agree on it."""
# ruff: noqa: PLC0415 # heavy parts are imported when a command runs, so that --help is quick

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from commands import billing_options, options, output
from commands.errors import AnswerIsNo, WrongUse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from billing.payments import Payment
    from commands.connections import Books


def pay(
    *,
    customer: options.Customer,
    amount: options.Amount,
    currency: options.Currency,
    bank: billing_options.Bank,
    reference: billing_options.BankReference,
    outside: billing_options.Outside = False,
    invoices: billing_options.PaidInvoices = None,
    received_at: billing_options.ReceivedAt = None,
    payment_id: billing_options.NewPaymentId = None,
    by: billing_options.By = None,
    as_json: options.AsJson = False,
) -> None:
    """Record money that came from outside, such as a bank transfer; it closes what it closes, and the rest is credit."""
    from billing import payment_books
    from billing.errors import UnknownId
    from billing.payments import OutsidePayment, outside_id
    from commands import arguments, billing_arguments, billing_steps

    if not outside:
        raise WrongUse("say --outside: what a charge of ours collects is recorded by itself, or with `invoices apply`")
    name = payment_id or billing_arguments.payment_id(bank, reference)
    content = {
        "payment_id": name,
        "customer_id": customer,
        "amount": arguments.money(amount, currency),
        "bank": bank,
        "reference": reference,
        "received_at": billing_arguments.instant("--received-at", received_at) or datetime.now(UTC),
        "invoices": invoices or (),
        "actor": billing_arguments.actor(by),
    }
    request = billing_arguments.checked(OutsidePayment, content)

    async def recorded(books: "Books") -> "Payment":
        wanted = request
        if received_at is None:
            # The moment that was meant when it was first recorded, so that the same command is the same payment.
            try:
                earlier = await payment_books.known(books, outside_id(name))
                wanted = request.model_copy(update={"received_at": earlier.received_at})
            except UnknownId:
                pass
        return (await payment_books.record_outside(books, wanted))[0]

    _answer(billing_steps.write(recorded), as_json=as_json)


def give_back(
    payment_id: billing_options.PaymentId,
    *,
    because: billing_options.Because,
    by: billing_options.By = None,
    as_json: options.AsJson = False,
) -> None:
    """Book that money from outside went back, or never came: what it had closed is open again."""
    from billing import payment_books
    from commands import billing_arguments, billing_steps

    name = billing_arguments.any_payment_id(payment_id)
    actor, why = billing_arguments.actor(by), billing_arguments.because(because)
    found = billing_steps.write(lambda books: payment_books.give_back(books, name, actor=actor, because=why))
    if as_json:
        _answer(found, as_json=True)
    else:
        output.line(f"payment {found.payment_id} is returned")


def apply(
    charge_id: options.ChargeId,
    *,
    invoices: billing_options.PaidInvoices = None,
    by: billing_options.By = None,
    as_json: options.AsJson = False,
) -> None:
    """Apply what a charge has collected to its invoice, and take back what was given back of it; any number of times."""
    from billing import payment_books
    from commands import arguments, billing_arguments, billing_steps

    arguments.identifier("CHARGE_ID", charge_id)
    for invoice in invoices or ():
        arguments.identifier("--invoice", invoice)
    actor = billing_arguments.actor(by)
    found = billing_steps.write(
        lambda books: payment_books.apply_charge(books, charge_id, actor=actor, invoices=tuple(invoices or ()))
    )
    if found is None:
        raise AnswerIsNo(f"charge {charge_id} has collected nothing yet: look with `status {charge_id}`")
    _answer(found, as_json=as_json)


def payments(*, customer: options.Customer, as_json: options.AsJson = False) -> None:
    """List what a customer paid, the newest first, and what of it is credit."""
    from billing import customers, payment_books
    from commands import arguments, billing_steps, invoice_documents

    arguments.identifier("--customer", customer)

    async def listed(books: "Books") -> "Sequence[Payment]":
        await customers.known(books, customer)
        return await payment_books.of_customer(books, customer)

    found = billing_steps.read(listed)
    if as_json:
        return output.document({"payments": [invoice_documents.of_payment(each).plain() for each in found]})
    columns = ("payment", "received", "amount", "applied", "credit", "bank", "reference")
    rows = [
        (
            each.payment_id,
            f"{each.received_at:%Y-%m-%d %H:%M}",
            *(str(each.money(minor)) for minor in (each.amount_minor, each.applied_minor, each.free_minor)),
            each.bank or "",
            each.reference or "",
        )
        for each in found
    ]
    numbers = ("amount", "applied", "credit")
    return (
        output.table(columns, rows, numbers=numbers) if rows else output.line(f"customer {customer} has paid nothing")
    )


def check(*, as_json: options.AsJson = False) -> None:
    """Hold what billing says is owed and credit against the journal, customer by customer, charge by charge."""
    from billing import receivables
    from commands import billing_steps, invoice_documents

    found = billing_steps.read(receivables.differences)
    if as_json:
        output.document({"differences": [invoice_documents.of_difference(each).plain() for each in found]})
    if found:
        raise AnswerIsNo(*(f"{each.subject}: {each.finding}" for each in found))
    if not as_json:
        output.line("billing and the journal agree on what every customer owes")


def _answer(payment: "Payment", *, as_json: bool) -> None:
    from commands import invoice_documents

    if as_json:
        return output.document(invoice_documents.of_payment(payment).plain())
    amount, applied, free = (
        payment.money(minor) for minor in (payment.amount_minor, payment.applied_minor, payment.free_minor)
    )
    kept = f", {free} is credit" if payment.free_minor else ""
    return output.line(f"payment {payment.payment_id} of {amount}: {applied} applied{kept}")
