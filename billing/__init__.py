"""What customers owe, why it recurs, and how it is recovered when a payment fails."""
