"""Part I: the inside of a transformer: the stream as a sum, heads, and every edit of a forward pass."""
