"""The sentences that the tiny model is trained on, all written for this project."""
