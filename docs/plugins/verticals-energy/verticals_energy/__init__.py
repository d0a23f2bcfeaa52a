"""verticals-energy: hourly electricity load, as a seventh industry."""
