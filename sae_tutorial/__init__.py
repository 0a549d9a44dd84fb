"""The tested code behind a hands-on course on sparse autoencoders.

Modules, in the order the data flows: `superposition` (toy models and known dictionaries), `lab` (a language model and
texts), `residual` (its stream, read and cut into), `activations` (a store of what the model computes), `sae` (the
autoencoder), `training`, `metrics`, `features` (what latents mean), `interventions` (latents changed, traced and
steered with), `plots`, `dashboard`.
"""
