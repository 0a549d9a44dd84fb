"""Part II: from texts to activations on disk, and from there to batches."""
