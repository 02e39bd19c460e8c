"""MISTY1 as in RFC 2994, eight rounds, written for the virtual meter (encryption algorithm 11).

A meter must not share a line with the vending side, or one mistake would agree with itself; so this cipher stands here
a second time, from the RFC alone. The substitution tables are the RFC's, printed as hexadecimal digits: two for each
entry of S7, three for each entry of S9.
"""

_S7_HEX = (
    "1b32335a3b1017545b1a72736b2c66491f24136c372e3f4a5d0f405625511c040b46200d7b3544422b1e41144b79156f"
    "0e550936740c6753280a7e38020760291912652f303908685f782a4c6445753d594803577c4f623c1d215e276a704d3a"
    "016d6e6318772305267600312d7a7f61502211064716524e713e6943345c587d"
)
_S9_HEX = (
    "1c30cb15319f1e30e90fb0351810b91171eb13300902d0d30c714a03707e0eb1641931d80a311e05502c01d1a2163118"
    "14b1521d200f02b03013a0e511113818e0630e30c81f401b00109d0f81a016d1f301c14607d0d10821ea18312d0f419e"
    "1d30dd1e21281e00ec05909101112f0260dc0b018c10f1f70e716c0b60f90d815110114c1030b815412b1ae01707100c"
    "04705807f1a413412908415d19d1b21a304807c0511ca02313d1a716503b0420da1920ce0c106b09f1f112c1840fa196"
    "1e116917d03118010a0941da18613e11c0601751cf06711906506809915000800717c0b70240190de1270db0e41a9052"
    "10909019c1c10281b313516a1760df1e51880c516e1de1b10c31df0360ee1ee0f009304909a1b606908112500b05e0b4"
    "1491c717403e13b1b708e1c60ae0100951ef04e0f21fd0850fd0f60a016f08308a15609b13c1071670981d01e90031fe"
    "0bd1220890d218f01203306a1420ed17011b0e214f15813114705d1131cd0791611a517909e1b40cc02213201a0e8004"
    "1871ed1970391bf1d702718b0c609c0d014e06c0341f206e0ca0250ba1910fe01310602f1ad1721db0c010b1d60f51ec"
    "10d0761141ab07510c1e415905411f04b0c41be0f70290a400e1f007704d17a08608b0b31710bf10e10409715b160168"
    "0d70bb0661ce0fc0921c506f01604a0a11390af0f119000a1aa14317b05618d1660d41fb14d19419a0871f81230a71b8"
    "14103c1f914002a15511a1a11980d51261af06112e1571dc07218a0aa0961150ef04507b08d14505305f1780b202e020"
    "1d503f1c91e71ac0440380140b116b0ab0b505a1821c81d40181770640cf06d10019913015a0051201bb1bd0e004f0d6"
    "13f1c412a0150060ff19b0a604308805015f1e812107317e0bc0c20c91731891f50741cc1e61a819501f04100d1ba032"
    "03d1d10800a80571b91621480d910506207a0211ff1121081c00a911d1b01a60cd0f305c10205b1d91441f60ad0a503a"
    "1cb13617f0460e101e1dd0e61371fa18508c08f0401b50be0780000ac11015e1240021bc0a20ea0701fc11615c04c1c2"
)
_S7 = bytes.fromhex(_S7_HEX)
_S9 = tuple(int(_S9_HEX[at : at + 3], 16) for at in range(0, len(_S9_HEX), 3))


def _fi(word: int, subkey: int) -> int:
    """The 16-bit function FI: a nine-bit and a seven-bit half through S9, S7, S9."""
    left, right = word >> 7, word & 0x7F
    left = _S9[left] ^ right
    right = _S7[right] ^ (left & 0x7F) ^ (subkey >> 9)
    left = _S9[left ^ (subkey & 0x1FF)] ^ right
    return right << 9 | left


class Misty1:
    """One 128-bit key, scheduled once. Blocks are 64-bit integers, first octet most significant."""

    def __init__(self, key_octets: bytes) -> None:
        if len(key_octets) != 16:
            raise ValueError("MISTY1 takes a key of 16 octets")
        self._k = [int.from_bytes(key_octets[at : at + 2], "big") for at in range(0, 16, 2)]
        self._kd = [_fi(self._k[i], self._k[(i + 1) % 8]) for i in range(8)]

    def _fo(self, half: int, turn: int) -> int:
        k, kd = self._k, self._kd
        left, right = half >> 16, half & 0xFFFF
        left = _fi(left ^ k[turn], kd[(turn + 5) % 8]) ^ right
        right = _fi(right ^ k[(turn + 2) % 8], kd[(turn + 1) % 8]) ^ left
        left = _fi(left ^ k[(turn + 7) % 8], kd[(turn + 3) % 8]) ^ right
        return (right ^ k[(turn + 4) % 8]) << 16 | left

    def _fl_subkeys(self, place: int) -> tuple[int, int]:
        """The subkeys of the AND and of the OR of the `place`-th FL function."""
        half = place // 2
        if place % 2:
            return self._kd[(half + 2) % 8], self._k[(half + 4) % 8]
        return self._k[half], self._kd[(half + 6) % 8]

    def _fl(self, half: int, place: int) -> int:
        and_key, or_key = self._fl_subkeys(place)
        left, right = half >> 16, half & 0xFFFF
        right ^= left & and_key
        left ^= right | or_key
        return left << 16 | right

    def _fl_inverse(self, half: int, place: int) -> int:
        and_key, or_key = self._fl_subkeys(place)
        left, right = half >> 16, half & 0xFFFF
        left ^= right | or_key
        right ^= left & and_key
        return left << 16 | right

    def encrypt(self, block: int) -> int:
        """The enciphered 64-bit block."""
        left, right = block >> 32, block & 0xFFFFFFFF
        for turn in range(0, 8, 2):
            left, right = self._fl(left, turn), self._fl(right, turn + 1)
            right ^= self._fo(left, turn)
            left ^= self._fo(right, turn + 1)
        return self._fl(right, 9) << 32 | self._fl(left, 8)

    def decrypt(self, block: int) -> int:
        """The inverse of `encrypt`."""
        right, left = self._fl_inverse(block >> 32, 9), self._fl_inverse(block & 0xFFFFFFFF, 8)
        for turn in range(6, -1, -2):
            left ^= self._fo(right, turn + 1)
            right ^= self._fo(left, turn)
            left, right = self._fl_inverse(left, turn), self._fl_inverse(right, turn + 1)
        return left << 32 | right
