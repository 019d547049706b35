"""What the network sees while it trains: named policies of online, per-image augmentation."""
