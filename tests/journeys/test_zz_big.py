"""ad hoc measurement"""
import asyncio, time, ssl, uuid, threading, json
import httpx, pytest
from server.demo_people import person
from server.business.document import document_sha256
from tests.journeys.conftest import *
from tests.server.hall import Hall
pytestmark=[pytest.mark.anyio]
def rss(pid):
    from pathlib import Path
    return [l for l in Path(f"/proc/{pid}/status").read_text().splitlines() if l.startswith(("VmRSS","VmHWM"))]
async def test_big(pool, server_process, sandbox):
    ctx=ssl.create_default_context(cafile=str(server_process.ca.root_file))
    N=100_000
    async with httpx.AsyncClient(base_url=server_process.url, verify=ctx, timeout=300) as client:
        hall=Hall(client, server_process.ca, sandbox, pool)
        c=await hall.enter("大单位")
        rows=[person(n) for n in range(N)]
        seen=set(); rows=[r for r in rows if not (r["id_number"] in seen or seen.add(r["id_number"]))]
        print("rows",len(rows))
        body=json.dumps({"rows":rows}).encode()
        print("body MB",len(body)/1e6)
        pid=server_process._process.pid
        worst=[0.0]; stop=False
        def pulse():
            with httpx.Client(base_url=server_process.url, verify=ctx, timeout=300) as cl:
                while not stop:
                    b=time.monotonic(); cl.get("/health"); worst[0]=max(worst[0],time.monotonic()-b); time.sleep(0.01)
        t=threading.Thread(target=pulse); t.start()
        H={"Content-Type":"application/json"}
        async def timed(name, work):
            worst[0]=0; b=time.monotonic(); a=await work; d=time.monotonic()-b
            await asyncio.sleep(0.5)
            print(f"{name}: {a.status_code} {d:.2f}s stall {worst[0]:.2f}s", rss(pid)[0].split()[1],rss(pid)[1].split()[1], flush=True)
            await asyncio.sleep(0.3)
            return a
        try:
            for _ in range(2):
                a=await timed("check",c.call("POST","/api/businesses/account_opening/check",content=body,headers=H))
            a=await timed("save",c.call("POST","/api/businesses/account_opening/batches",content=body,headers=H))
            saved=a.json()
            await timed("load",c.call("GET",f"/api/businesses/account_opening/batches/{saved['batch_id']}"))
            idem=str(uuid.uuid4())
            b={"version":1,"approval":c.approval("account_opening",idem,rows,{})}
            a=await timed("submit",c.call("POST",f"/api/businesses/account_opening/batches/{saved['batch_id']}/submit",json=b,headers={"Idempotency-Key":idem}))
            print(a.text[:300])
            number=a.json()["receipt_no"]
            await timed("people",c.call("GET","/api/people"))
            await timed("roster",c.call("GET","/api/queries/roster?limit=1000"))
            await timed("pdf",c.call("GET",f"/api/receipts/{number}/pdf"))
            await timed("pdf again",c.call("GET",f"/api/receipts/{number}/pdf"))
            p=(await c.call("POST",f"/api/receipts/{number}/prints",json={})).json()
            p=(await c.call("POST",f"/api/receipts/{number}/prints",json={})).json()
            await timed("pdf marked",c.call("GET",f"/api/receipts/{number}/pdf?print_id={p['print_id']}"))
        finally:
            stop=True; t.join()
        print(server_process.log.read_text()[-1000:])
