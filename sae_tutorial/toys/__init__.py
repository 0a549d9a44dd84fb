"""Part I: superposition in toy models, and worlds whose features are known."""
