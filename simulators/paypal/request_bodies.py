"""The bodies that the simulator takes. What PayPal would take beyond them is refused as if unknown."""

import re

from simulators.paypal.shapes import Fields, Flag, Items, Shape, Text, Whatever, words

VAULT_ID = Text(255, pattern=re.compile(r"[0-9a-zA-Z_-]+"))
URL = Text(4000, 10, re.compile(r"https?://\S+"))
MONEY = Fields({"currency_code": Text(3, 3), "value": Text(32)}, required=("currency_code", "value"))
INITIATOR = words("CUSTOMER", "MERCHANT")
USAGE = words("FIRST", "SUBSEQUENT", "DERIVED")
VERIFICATION = words("SCA_ALWAYS", "SCA_WHEN_REQUIRED", "3D_SECURE", "AVS_CVV")
PATTERN = words(
    "IMMEDIATE", "DEFERRED", "RECURRING_PREPAID", "RECURRING_POSTPAID", "THRESHOLD_PREPAID", "THRESHOLD_POSTPAID"
)

EXPERIENCE_CONTEXT: dict[str, Shape] = {
    "return_url": URL,
    "cancel_url": URL,
    "brand_name": Text(127),
    "locale": Text(10, 2),
    "shipping_preference": words("GET_FROM_FILE", "NO_SHIPPING", "SET_PROVIDED_ADDRESS"),
    "landing_page": words("LOGIN", "GUEST_CHECKOUT", "BILLING", "NO_PREFERENCE"),
    "user_action": words("CONTINUE", "PAY_NOW"),
}

WALLET = Fields(
    {
        "vault_id": VAULT_ID,
        "experience_context": Fields(
            {
                **EXPERIENCE_CONTEXT,
                "payment_method_preference": words("UNRESTRICTED", "IMMEDIATE_PAYMENT_REQUIRED"),
            }
        ),
        "stored_credential": Fields(
            {"payment_initiator": INITIATOR, "charge_pattern": PATTERN, "usage_pattern": PATTERN, "usage": USAGE},
            required=("payment_initiator",),
        ),
    }
)

CARD = Fields(
    {
        "vault_id": VAULT_ID,
        "attributes": Fields({"verification": Fields({"method": VERIFICATION})}),
        "experience_context": Fields({"return_url": URL, "cancel_url": URL}),
        "stored_credential": Fields(
            {
                "payment_initiator": INITIATOR,
                "payment_type": words("ONE_TIME", "RECURRING", "UNSCHEDULED"),
                "usage": USAGE,
                "previous_network_transaction_reference": Whatever(),
            },
            required=("payment_initiator", "payment_type"),
        ),
    }
)

PAYMENT_SOURCE = Fields({"paypal": WALLET, "card": CARD})

PURCHASE_UNIT = Fields(
    {
        "reference_id": Text(256),
        "amount": MONEY,
        "description": Text(127),
        "custom_id": Text(127),
        "invoice_id": Text(127),
        "soft_descriptor": Text(22),
    },
    required=("amount",),
)

ORDER = Fields(
    {
        "intent": words("CAPTURE", "AUTHORIZE"),
        "purchase_units": Items(PURCHASE_UNIT, 1, 1),
        "payment_source": PAYMENT_SOURCE,
        "application_context": Fields(EXPERIENCE_CONTEXT),
    },
    required=("intent", "purchase_units"),
)

ORDER_PAYMENT = Fields({"payment_source": PAYMENT_SOURCE})

CAPTURE = Fields(
    {
        "amount": MONEY,
        "final_capture": Flag(),
        "invoice_id": Text(127),
        "note_to_payer": Text(255),
        "soft_descriptor": Text(22),
    }
)

REAUTHORIZATION = Fields({"amount": MONEY})

REFUND = Fields({"amount": MONEY, "invoice_id": Text(127), "custom_id": Text(127), "note_to_payer": Text(255)})

CUSTOMER = Fields({"id": Text(22, pattern=re.compile(r"[0-9a-zA-Z_-]+"))})
VAULTED_WALLET = Fields(
    {
        "usage_type": words("MERCHANT", "PLATFORM"),
        "description": Text(128),
        "permit_multiple_payment_tokens": Flag(),
        "experience_context": Fields(
            {name: EXPERIENCE_CONTEXT[name] for name in ("return_url", "cancel_url", "brand_name", "locale")}
        ),
    },
    required=("experience_context",),
)
SETUP_TOKEN = Fields(
    {
        "customer": CUSTOMER,
        "payment_source": Fields({"paypal": VAULTED_WALLET}, required=("paypal",)),
    },
    required=("payment_source",),
)
PAYMENT_TOKEN = Fields(
    {
        "customer": CUSTOMER,
        "payment_source": Fields(
            {"token": Fields({"id": Text(255), "type": words("SETUP_TOKEN")}, required=("id", "type"))},
            required=("token",),
        ),
    },
    required=("payment_source",),
)

SIGNATURE = Fields(
    {
        "auth_algo": Text(100),
        "cert_url": Text(500),
        "transmission_id": Text(50),
        "transmission_sig": Text(500),
        "transmission_time": Text(100),
        "webhook_id": Text(50),
        "webhook_event": Whatever(),
    },
    required=(
        "auth_algo",
        "cert_url",
        "transmission_id",
        "transmission_sig",
        "transmission_time",
        "webhook_id",
        "webhook_event",
    ),
)
