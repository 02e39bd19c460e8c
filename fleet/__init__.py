"""Who and what is out there: sites, meters, customers, operators. It imports neither vending's slices nor gateway."""
