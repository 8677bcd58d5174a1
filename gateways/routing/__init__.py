"""Which gateway takes a charge, and whether a declined one is worth another try: pure rules, whose answers are kept."""
