"""The simulated Stripe, held against its contract over real HTTP."""
