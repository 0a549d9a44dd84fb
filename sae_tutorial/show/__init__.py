"""Figures, pages and source code, as a reader sees them. Nothing is computed here."""
