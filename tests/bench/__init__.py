"""What ``dev.py bench`` runs: each figure beside its reference, measured in the same run."""
