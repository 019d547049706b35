"""A competition kit for classifying 96 x 96 blood-cell images into eight classes."""

__version__ = "0.1.0"
