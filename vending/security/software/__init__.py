"""The security module that computes in this process. It is not certified. Vending keys are open for one call only.

It keeps no clock and no TIDs: the caller brings TID and random field, so the same request gives the same digits. It
enforces what a vending key itself says (KT, KEN, ACT, IUT, DKGA, base date) and that public vectors cover what is
computed; which keys may be loaded, and by whom, is the matter of `vending.keys`. Nothing of a vending key or a decoder
key is kept after a call, and no error that leaves here has frames or causes that hold one.
"""

from vending.security.software.module import SoftwareSecurityModule

__all__ = ["SoftwareSecurityModule"]
