"""The world in a box: phones, the SMS centre, mobile money and meters, in a process of their own.

It speaks the vendors' wire to the product over loopback HTTP and shares nothing with it: no tables, no settings, no
cipher. Only this app's management commands start it, and only in demo and test.
"""
