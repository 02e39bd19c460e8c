"""Statements and time of accept and of a batch."""
import json, time
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from tests.support.world import *
from tests.support.world import World
from tests.support.hooks import *
from gateway.webhooks import views
from gateway.payments.models import Payment
pytestmark = pytest.mark.django_db

def test_count(world, settings, monkeypatch):
    monkeypatch.setattr(views, "wake", lambda _n, _i: None)
    from tests.support import hooks
    url = f"/hooks/payments/daraja/{settings.HOOK_SECRETS[0]}/confirmation"
    from tests.integration.test_webhooks_at_once import json_payload
    doc = json_payload("daraja/c2b_confirmation.json") | {"TransAmount": "200", "BillRefNumber": world.meter.drn, "MSISDN": AMINA[1:], "BusinessShortCode": "600000"}
    c = Client()
    meters = [world.meter, world.other_meter]
    for i in range(48):
        meters.append(add_meter(world.site, f"37000{20000+i}", f"P {i}", f"+2547110{10200+i}"))
    def post(i, m):
        body = json.dumps(doc | {"TransID": f"T{i:06d}", "BillRefNumber": m.drn})
        r = c.post(url, data=body, content_type="application/json"); assert r.status_code == 200
    n = 0
    with CaptureQueriesContext(connection, ) as q:
        post(n, world.meter)
    print("ACCEPT statements", len(q)); [print("   ", s["sql"][:110].replace("\n"," ")) for s in q.captured_queries]
    t=[]
    for k in range(300):
        n += 1; s=time.thread_time(); post(n, meters[k%50]); t.append(time.thread_time()-s)
    t.sort(); print("ACCEPT ms median %.3f" % (t[len(t)//2]*1e3))
    world.now = NOW + timedelta(seconds=5)
    import gateway.clock
    Payment.objects.update(next_try_at=NOW)
    with CaptureQueriesContext(connection) as q:
        p = world.fulfil()
    print("BATCH rows", p.rows, "statements", len(q))
    import collections,re
    for s,cnt in collections.Counter(re.sub(r"\(.*","",x["sql"][:150].replace("\n"," "))[:110] if not x["sql"].startswith("SELECT") else "SELECT .. "+re.search(r'FROM "?(\w+)',x["sql"]).group(0) if re.search(r'FROM "?(\w+)',x["sql"]) else x["sql"][:60] for x in q.captured_queries).items(): print("   ",cnt,s)
    t=[]
    while True:
        world.later(1); s=time.thread_time(); p=world.fulfil(); d=time.thread_time()-s
        if not p.rows: break
        t.append((p.rows,d))
    print("BATCH ms", [f"{r}:{d*1e3:.1f}" for r,d in t])
