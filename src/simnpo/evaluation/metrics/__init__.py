"""Metrics: pure functions from tables to numbers; none of them sees a model."""
