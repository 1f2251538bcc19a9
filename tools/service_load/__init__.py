"""What tools/service-load is made of."""
