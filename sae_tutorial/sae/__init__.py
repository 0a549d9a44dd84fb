"""Part II: one coder for autoencoders, transcoders and crosscoders; its training, its files, its rivals."""
