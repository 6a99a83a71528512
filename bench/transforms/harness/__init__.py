"""What both comparisons share: a PostgreSQL of their own, the source, the truth, readers that poll, and the log."""
