"""`tariff.publish`: a new version of a site's prices. Given: what `vending.tariffs.terms.terms_of` writes."""

from dataclasses import fields
from datetime import datetime

from gateway.desk.acts.base import Given, Order, Rows, Terms
from vending.tariffs.services import check_can_publish, publish_tariff
from vending.tariffs.terms import read_terms, terms_of


class Publish:
    """A version that starts later."""

    subject = "site"

    def terms(self, site_id: int, given: Given, now: datetime) -> Terms:
        facts = read_terms(given)
        check_can_publish(site_id=site_id, facts=facts, now=now)
        return terms_of(facts)

    def rows(self, site_id: int, terms: Given) -> Rows:
        """A version is one new row, and its start is unique."""
        return Rows()

    def do(self, order: Order) -> None:
        facts = read_terms(order.terms)
        publish_tariff(
            site_id=order.subject_id,
            **{field.name: getattr(facts, field.name) for field in fields(facts)},
            approval_id=order.approval_id,
            actor=order.actor,
            now=order.now,
        )
