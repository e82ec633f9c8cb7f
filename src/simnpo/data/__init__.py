"""Training data: reading it, putting it into prompts, turning it into batches."""
