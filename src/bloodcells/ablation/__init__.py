"""What each augmentation policy is worth: one record for each arm and seed, and the statistics over them."""
