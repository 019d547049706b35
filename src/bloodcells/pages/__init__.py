"""Plots, contact sheets and pages: they read results, and no result knows them."""
