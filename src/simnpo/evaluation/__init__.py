"""Where a model is touched for evaluation: one pass of scoring, one of generation, into tables."""
