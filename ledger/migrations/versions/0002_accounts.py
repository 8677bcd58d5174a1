"""Accounts, one for each code and currency, whose type and normal side are one for each code."""

from alembic import op

revision = "0002"
down_revision = "0001"

# Text that is looked up is compared byte by byte (collation C), here and in all tables: an order of words that comes
# with the operating system can change with it, and every index is broken.
ACCOUNTS = """
CREATE TABLE public.account_codes (
    code text COLLATE "C" PRIMARY KEY
        CONSTRAINT account_code_form CHECK (code ~ '^[a-z][a-z0-9_]*(:[A-Za-z0-9_.-]+)+$' AND length(code) <= 200),
    type text NOT NULL
        CONSTRAINT account_type_known CHECK (type IN ('asset', 'liability', 'equity', 'revenue', 'expense', 'memo')),
    normal_side text NOT NULL
        CONSTRAINT account_normal_side_known CHECK (normal_side IN ('debit', 'credit')),
    UNIQUE (code, type, normal_side)
);
COMMENT ON TABLE public.account_codes IS 'One row per code, so that its type and normal side are one in all currencies';

CREATE TABLE public.accounts (
    account_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    code text COLLATE "C" NOT NULL,
    type text NOT NULL,
    currency char(3) NOT NULL CONSTRAINT account_currency_form CHECK (currency ~ '^[A-Z]{3}$'),
    normal_side text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (code, currency),
    FOREIGN KEY (code, type, normal_side) REFERENCES public.account_codes (code, type, normal_side)
);
"""


def upgrade() -> None:
    """Create what accounts are made of; only the posting function opens accounts."""
    connection = op.get_bind()
    connection.exec_driver_sql("SET LOCAL ROLE quittance_owner")
    connection.exec_driver_sql(ACCOUNTS)
