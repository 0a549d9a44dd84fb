"""Open a lab: a language model, texts, budgets, and whether this machine has what the course needs."""
