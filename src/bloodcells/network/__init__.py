"""The network and how it predicts: all that travels in the zip beside model.py."""
