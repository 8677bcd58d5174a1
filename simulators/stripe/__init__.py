"""A look-alike of Stripe's API, version 2026-10-28.endive: PaymentIntents with cards, and what belongs to them."""
