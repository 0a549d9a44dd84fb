"""What the notebooks share: each made once."""
