"""A phone that dials: one USSD session, hop by hop, with everything typed so far in each hop as vendors send it."""

from dataclasses import dataclass

from gateway.ussd.ports import Hop
from gateway.ussd.services import Answered, answer_hop
from tests.support.world import AMINA, World


@dataclass
class Dialler:
    """One session of one phone. `text` is everything typed so far, as the vendor sends it."""

    world: World
    phone_e164: str = AMINA
    session_id: str = "ATUid_1"

    def hop(self, text: str) -> Answered:
        hop = Hop(self.session_id, self.phone_e164, "*384*96#", "63902", text)
        return answer_hop(
            provider="africastalking",
            hop=hop,
            new_reference=lambda: "TREFERENCE",
            actor="customer:ussd",
            now=self.world.now,
        )

    def screen(self, text: str) -> str:
        screen = self.hop(text).screen
        return ("END " if screen.is_end else "CON ") + screen.text

    def play(self, text: str) -> str:
        """Hop by hop, from the first to this one; what the last is answered."""
        typed = text.split("*")
        shown = self.screen("")
        for count in range(1, len(typed) + 1):
            shown = self.screen("*".join(typed[:count]))
        return shown


def dial(world: World, text: str, phone_e164: str = AMINA, session_id: str = "ATUid_1") -> str:
    return Dialler(world, phone_e164, session_id).play(text)
