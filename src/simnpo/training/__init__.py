"""Training on top of transformers' Trainer: terms, pairing, reference, checkpoints, runs."""
