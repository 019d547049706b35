"""What ships with the kit: trained weights with their records and their card."""
