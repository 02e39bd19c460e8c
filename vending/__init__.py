"""Money into tokens. It may import fleet; it knows nothing of SMS, USSD or mobile money."""
