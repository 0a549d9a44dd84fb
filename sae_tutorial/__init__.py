"""The tested code behind a hands-on course on sparse autoencoders.

Modules, in the order the data flows: `lab` (a language model and texts), `activations` (a store of what the model
computes), `sae` (the autoencoder), `training`, `metrics`, `features` (what latents mean), `plots`.
"""
