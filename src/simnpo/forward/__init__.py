"""One forward pass of a model: answer tokens, log-probs, divergences, activations."""
