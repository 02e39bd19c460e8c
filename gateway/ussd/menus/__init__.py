"""USSD menus as pure states: `start` and `advance` turn what was typed into the next `Step`. No Django in here."""

from gateway.ussd.menus.facts import CodeFacts, CodeState, Facts, MeterFacts, QuoteFacts, Refusal
from gateway.ussd.menus.machine import advance, start
from gateway.ussd.menus.steps import Answers, Effect, ResendCodes, ScreenName, StartPurchase, Step

__all__ = [
    "Answers",
    "CodeFacts",
    "CodeState",
    "Effect",
    "Facts",
    "MeterFacts",
    "QuoteFacts",
    "Refusal",
    "ResendCodes",
    "ScreenName",
    "StartPurchase",
    "Step",
    "advance",
    "start",
]
