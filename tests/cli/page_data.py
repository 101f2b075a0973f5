#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""An hour of the edgeproxy mesh for the test of the page: page_data.py URL RTT.CSV STEP

reports   what ten nodes measured; cdg fell silent half an hour ago, syd never spoke
events    what the two ends of tunnels told of
more      one newer report of hkg, with a figure that was not there before

Times are the seed's, with noise of a fixed seed."""
import csv, http.client, json, math, random, sys, time

url, rtt_csv, step = sys.argv[1:4]
host = url.split("//")[1]
rows = list(csv.reader(open(rtt_csv)))
names = rows[0][1:]
rtt = {(r[0], b): float(x) for r in rows[1:] for b, x in zip(names, r[1:])}
address = {"dub": "10.50.0.1", "gru": "10.50.1.1", "iad": "10.50.2.1", "ord": "10.50.2.2",
           "lax": "10.50.2.3", "lhr": "10.50.3.1", "fra": "10.50.3.2", "cdg": "10.50.3.3",
           "nrt": "10.50.4.1", "sin": "10.50.4.2", "syd": "10.50.4.3", "hkg": "10.50.5.1"}
chance = random.Random(7)
WINDOW_MS = 60000
now = int(time.time() * 1000)


def row(peer, path, ms, sent, lost, wobble):
    us = sorted(int(1000 * ms * (1 + abs(chance.gauss(0, wobble)))) for _ in range(sent - lost))
    r = {"peer": peer, "path": path, "sent": sent, "lost": lost, "late": 0, "duplicate": 0,
         "reordered": 0}
    if us:
        count = {}
        for x in us:
            i = int(math.log2(x) * 32 + 0.999999) - 1
            count[i] = count.get(i, 0) + 1
        r.update(min_ms=us[0] / 1000, mean_ms=round(sum(us) / len(us)) / 1000,
                 max_ms=us[-1] / 1000, jitter_ms=wobble * ms, sketch=sorted(map(list, count.items())))
    return r


def rows_of(a, age):
    out = []
    for b in names:
        if a == b:
            continue
        hub = rtt[a, b] if "dub" in (a, b) else rtt[a, "dub"] + rtt["dub", b]
        busy = 0.02 + (0.12 if (a, b) == ("hkg", "nrt") and 22 < age < 34 else 0)
        lost = 40 if (a, b) == ("gru", "syd") else 6 if (a, b) == ("lax", "fra") else 0
        if (a, b) == ("hkg", "nrt") and age in (25, 26, 27, 28):
            lost = (age - 22) * 4
        out.append(row(b, "hub", hub, 40, lost, busy))
        if "dub" not in (a, b) and "hkg" in (a, b):
            out.append(row(b, "public", rtt[a, b], 40, 0, busy / 2))
        if (a, b) in (("hkg", "sin"), ("sin", "hkg")) and age < 20:
            out.append(row(b, "direct", rtt[a, b] * 1.01, 40, 0, 0.01))
    return out


def post(node, path, what):
    c = http.client.HTTPConnection(host, timeout=30, source_address=(address[node], 0))
    c.request("POST", path, json.dumps(what), {"Content-Type": "application/json"})
    r = c.getresponse()
    said = r.read()
    if r.status != 204:
        sys.exit("%s %s: %d %s" % (node, path, r.status, said.decode()))


def report(node, seq, age, rows):
    start = now - WINDOW_MS * (age + 1)
    post(node, "/api/v1/reports", {
        "node": node, "boot": "0123456789abcdef", "seq": seq, "start": start / 1000,
        "length_ms": WINDOW_MS, "stamp": "kernel", "spoofed": 0, "local_drop": 0, "rows": rows})


def event(node, seq, kind, peer, age, text):
    post(node, "/api/v1/events", {"boot": "0123456789abcdef", "events": [
        {"seq": seq, "at": int(now / 1000) - age, "kind": kind, "peer": peer, "text": text}]})


if step == "reports":
    for node in names:
        ages = {"syd": [], "cdg": [31, 30], "hkg": range(59, -1, -1)}.get(node, [2, 1, 0])
        for seq, age in enumerate(ages):
            report(node, seq, age, rows_of(node, age))
elif step == "events":
    event("hkg", 1, "direct", "sin", 1150, "handshake after 180 ms: route by wgd0")
    event("sin", 1, "direct", "hkg", 1150, "handshake after 190 ms: route by wgd0")
    event("hkg", 2, "refused", "nrt", 2400, "epoch 0 is not above that in force")
    event("hkg", 3, "demoted", "nrt", 1500, "12 % loss in the tunnel: back by the hub")
else:
    # A window that is all but over with the others': its start is its own.
    now -= 1000
    report("hkg", 60, 0, [row("ord", "direct", 77.0, 40, 0, 0.01)])
