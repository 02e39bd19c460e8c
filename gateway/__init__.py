"""The edge: what customers, operators and vendors touch. It may import vending and fleet; nothing imports it."""
