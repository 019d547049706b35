"""Codabench on this machine: pack a submission, run it as the competition's worker does, read its score."""
