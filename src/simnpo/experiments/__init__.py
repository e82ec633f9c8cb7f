"""Pieces of work made of others: an unlearning run with its measurements."""
