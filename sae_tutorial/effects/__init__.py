"""Part III: what the language model does when latents change."""
