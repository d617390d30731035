"""What files keep: measured round trips and refusals, from which two pages of the reference are made."""
