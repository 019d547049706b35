"""Pictures and their labels: where they come from, the only door they pass, and the parts they are split into."""
