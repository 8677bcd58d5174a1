"""The simulated PayPal, held against PayPal's documents, its SDK, and what is known of its behaviour."""
