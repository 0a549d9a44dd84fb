"""Part III: what latents respond to, and whether that is real."""
