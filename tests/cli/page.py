#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The page in a real Chromium without a screen: page.py URL PICTURES

Prints `ok` and `not ok` lines; asks the shell for a change of the world by a line
"do WHAT" and reads from stdin the address that then holds."""
import atexit, os, re, statistics, sys, tempfile, time

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

url, pictures = sys.argv[1:3]
PATIENCE = 60  # s, on a machine that does much else
VIEWS = ["matrix", "pair", "map", "plan", "events", "nodes"]
REDRAW_MS = 100  # loosely: docs/page.md has what it takes on a quiet machine
scratch = tempfile.TemporaryDirectory(prefix="meshopt-page.")
os.environ.update(no_proxy="*", HOME=scratch.name)


def check(what, ok, more=""):
    print("%s - %s%s" % ("ok" if ok else "not ok", what, "" if ok else " (%s)" % (more,)), flush=True)


def do(what):
    global url
    print("do " + what, flush=True)
    url = sys.stdin.readline().strip()


options = webdriver.ChromeOptions()
options.binary_location = "/usr/bin/chromium"
for flag in ("headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage", "no-first-run",
             "disable-background-networking", "disable-component-update", "disable-sync",
             "disable-extensions", "window-size=1280,1000", "force-device-scale-factor=1",
             "user-data-dir=" + scratch.name + "/profile"):
    options.add_argument("--" + flag)
options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
b = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)
atexit.register(b.quit)
b.set_page_load_timeout(PATIENCE)
b.set_script_timeout(PATIENCE)
js = b.execute_script


def wait(what, f, patience=PATIENCE):
    end = time.monotonic() + patience
    while time.monotonic() < end:
        try:
            x = f()
        except Exception as e:  # an element that is being replaced
            x, what = None, "%s: %s" % (what, str(e).split("\n")[0])
        if x:
            return x
        time.sleep(0.03)
    check(what, False, "not within %d s; errors: %s" % (patience, errors()))
    raise SystemExit(1)


def one(css):
    return b.find_element(By.CSS_SELECTOR, css)


def text(css="main"):
    return js("return document.querySelector(arguments[0]).textContent", css)


def hash_():
    return js("return location.hash")


def errors():
    return js("const e = document.getElementById('errors'); return e.hidden ? '' : e.textContent")


def settled():
    return js("const v = document.getElementById('view');"
              "return v.dataset.ready === location.hash && !v.hasAttribute('aria-busy')")


def show(fragment):
    js("location.hash = arguments[0]", fragment)
    wait(fragment, lambda: hash_() == "#" + fragment and settled())


def picture(name):
    odd = re.search(r".{0,20}(undefined|NaN|Infinity|\[object|\bnull\b).{0,20}", text("body"))
    if odd:
        check(name + ": words for people", False, odd.group())
    b.save_screenshot("%s/%s.png" % (pictures, name))


def noise(allowed=()):
    """What the console has said since, but for what is known to be said."""
    log = [x["message"] for x in b.get_log("browser") if x["level"] in ("SEVERE", "WARNING")]
    return [m for m in log if not any(a in m for a in allowed)]


def quiet(what, allowed=()):
    said = noise(allowed)
    check(what, not said, said)


def pick(name, value):
    js("const e = document.querySelector(`main [name=${arguments[0]}]`); e.value = arguments[1];"
       "e.dispatchEvent(new Event('change'))", name, value)
    wait(name, lambda: "%s=%s" % (name, value) in hash_() and settled())


NO_PLAN = ("api/v1/plan?format=json - Failed to load resource: the server responded with a status of 404",)

# Before the first plan and the first event.
b.get(url + "/")
wait("the first view", settled)
check("the matrix is what opens", text("#tabs [aria-current]") == "Matrix")
check("the title names the mesh", b.title == "meshopt edgeproxy", b.title)
check("the pairs are known", int(one("canvas.heat").get_attribute("data-known")) >= 99,
      one("canvas.heat").get_attribute("data-known"))
show("plan")
check("no plan yet, and what to do", "meshopt plan --publish" in text())
show("events")
check("no events yet", "No events" in text())
show("pair?src=hkg&dst=nrt")
check("why, without a plan", "no plan was published" in text(".why"), text(".why"))
quiet("the console is quiet but for the plan that is not there", NO_PLAN)

do("events")
for view in VIEWS:
    one('#tabs a[data-view="%s"]' % view).click()
    wait(view, lambda: hash_().startswith("#" + view) and settled())
    check("a click on %s" % view, js("return document.getElementById('view').children.length") > 0
          and errors() == "", errors())
    if view in ("matrix", "map"):
        picture("12-" + view)

show("pair?src=hkg&dst=nrt&since=1h")
why = text(".why")
check("why a pair fell back", "did not stand: hkg said demoted" in why, why)
check("why, with a plan", "because" in why and "epoch" in why and "hkg-nrt: " in why, why)
check("points of three quarters of an hour at least", int(one("canvas.smoke").get_attribute("data-points")) > 90,
      one("canvas.smoke").get_attribute("data-points"))
check("the switch is told of", "demoted" in text(), "no demoted")
picture("12-pair")
show("pair?src=hkg&dst=dub&since=1h")
check("the hub's own paths", "is the hub" in text(".why"), text(".why"))
show("plan")
check("the plan has its tunnels", js("return document.querySelectorAll('main .state').length") >= 3, text())
picture("12-plan")
show("map")
check("the map has every node", js("return document.querySelectorAll('.topology .node').length") == 12)
check("and the plan's tunnels", js("return document.querySelectorAll('.tunnel:not(.hubway)').length") >= 3)
show("events")
check("events are listed", "12 % loss in the tunnel" in text())
picture("12-events")
show("nodes")
check("the silent node comes first, with why", js("return document.querySelector('tbody tr').textContent").startswith("syd")
      and "no report" in text("tbody tr") or "never" in text("tbody tr"), text("tbody tr"))
picture("12-nodes")

# Why, in all its cases.
mesh = {"hub": "h", "nodes": [{"name": "h", "role": "hub", "endpoint": "x"},
                              {"name": "p", "role": "pop", "endpoint": "x"},
                              *({"name": n, "role": "backend"} for n in "abcdef")]}
plan = {"budget": 2, "issued": "2026-01-01T12:00:00Z", "epoch": 3,
        "tunnels": [{"a": "p", "b": "a", "state": "keep", "hub_ms": 90, "direct_ms": 10, "saves_ms": 80},
                    {"a": "p", "b": "b", "state": "wait", "hub_ms": 80, "direct_ms": 20, "saves_ms": 60},
                    {"a": "p", "b": "c", "state": "drop", "hub_ms": 70, "direct_ms": 69, "saves_ms": 1}],
        "routes": [{"a": "p", "b": "a", "path": "direct", "ms": 10, "hub_ms": 90, "good": True},
                   {"a": "a", "b": "b", "path": "relay:p", "ms": 30, "hub_ms": 95},
                   {"a": "p", "b": "f", "path": "hub", "ms": 90, "hub_ms": 90, "since": "2026-01-01T11:30:00Z"}],
        "needs": [{"a": "p", "b": "e", "samples": 12, "could": 5}]}
seen = lambda hub, public: {k: {"ms": v, "sent": 40, "lost": 0} for k, v in (("hub", hub), ("public", public)) if v}
said = lambda node, peer, kind, at: {"node": node, "peer": peer, "kind": kind, "at": "2026-01-01T%sZ" % at}
CASES = [
    ("the hub", "h", "a", plan, {}, [], "is the hub"),
    ("no plan", "p", "a", None, seen(90, 10), [], "no plan was published"),
    ("a tunnel", "p", "a", plan, seen(90, 10), [], "rank 1 of 2 tunnels, budget 2; both ends have said"),
    ("the other way round", "a", "p", plan, seen(90, 10), [], "a-p: direct, 10.0 ms; it has a tunnel now"),
    ("it fell since", "p", "a", plan, seen(90, 10), [said("a", "p", "demoted", "12:30:00")], "a said demoted"),
    ("a relay", "a", "b", plan, seen(95, None), [], "tunnels a-p and b-p serve it as well"),
    ("one that waits", "p", "b", plan, seen(80, 20), [], "later stage"),
    ("one that goes", "p", "c", plan, seen(70, 69), [], "takes its tunnel down"),
    ("too few samples", "p", "e", plan, seen(70, 9), [], "needs 12 more samples"),
    ("nobody to call", "c", "d", plan, seen(70, None), [], "neither end has an Endpoint"),
    ("not measured", "p", "d", plan, seen(70, None), [], "what is not measured"),
    ("slower", "p", "d", plan, seen(70, 75), [], "not sure to be faster"),
    ("the budget", "p", "d", plan, seen(70, 20), [], "the budget of 2 is used up"),
    ("more than the least of the plan", "p", "d", plan, seen(99, 2), [], "`meshopt why p d` knows"),
    ("it went bad", "p", "d", plan, seen(99, 2), [said("d", "p", "refused", "11:30:00"), said("p", "d", "direct", "11:00:00")],
     "d said refused at"),
    ("nobody said a word", "p", "f", plan, seen(99, 2), [], "did not stand, seen at"),
    ("long ago", "p", "d", plan, seen(99, 2), [said("d", "p", "refused", "09:30:00")], "knows the rule"),
    ("and came back", "p", "d", plan, seen(99, 2), [said("d", "p", "direct", "11:40:00"), said("d", "p", "refused", "11:30:00")],
     "knows the rule"),
]
words = b.execute_async_script("const [cases, mesh, done] = arguments;"
                               "import('/page/why.js').then(({ why }) => done(cases.map((c) =>"
                               "  why(c[1], c[2], c[3], mesh, c[4], c[5]))))", CASES, mesh)
wrong = [(c[0], w) for c, w in zip(CASES, words) if c[6] not in w or re.search("undefined|NaN|null", w)]
check("why, in %d cases" % len(CASES), not wrong and len(words) == len(CASES), wrong)

# The address holds all state.
show("matrix")
pick("path", "hub")
pick("stat", "p95")
pick("since", "1h")
kept = hash_()
b.refresh()
wait("the page again", settled)
check("the address holds the state", hash_() == kept and
      [js("return document.querySelector(`main [name=${arguments[0]}]`).value", n)
       for n in ("path", "stat", "since")] == ["hub", "p95", "1h"], hash_())
box = one("main [name=table]")
box.click()
wait("the table", lambda: "table=1" in hash_() and settled())
check("the same as a table", "loss" in text("main table") and
      js("return document.querySelectorAll('main tbody tr').length") == 12, text("main table")[:200])
box.click()
wait("no table", lambda: "table=1" not in hash_() and settled())

# The keys alone.
canvas = one("canvas.heat")
js("document.activeElement.blur(); document.querySelector('canvas.heat').focus()")
keys = lambda *k: ActionChains(b).send_keys(*k).perform()
keys(Keys.ARROW_DOWN, Keys.ARROW_DOWN, Keys.ARROW_RIGHT)
said = text("#said")
check("arrow keys walk, and what is there is said", " to " in said and "ms" in said, said)
keys(Keys.END)
check("End goes to the last one", text("#said") != said, said)
picture("12-keys")
keys(Keys.ENTER)
wait("the pair of the cell", lambda: hash_().startswith("#pair?src=") and settled())
check("Enter opens the pair", text("h2").split(" to ")[0] == said.split(" to ")[0], text("h2"))
b.back()
wait("back", lambda: hash_() == kept and settled())
check("back is where one was", True)
js("document.querySelector('#tabs [aria-current]').focus()")
keys(Keys.ARROW_RIGHT, Keys.ENTER)
wait("the next tab", lambda: hash_().startswith("#pair") and settled())
check("the tabs go by keys, and keep the focus", js("return document.activeElement.textContent") == "Pair",
      js("return document.activeElement.outerHTML"))

# The mouse.
show("matrix?since=1h")
canvas = one("canvas.heat")
ActionChains(b).move_to_element_with_offset(canvas, 120, -20).perform()
tip = wait("the tip", lambda: text("#tip"))
check("hovering tells names and figures", " to " in tip and "ms" in tip, tip)
picture("12-tip")
ActionChains(b).click().perform()
wait("the pair under the mouse", lambda: hash_().startswith("#pair?src=") and settled())
check("a click opens the pair", tip.split(" to ")[0] == text("h2").split(" to ")[0], tip)

# Live, by the timer alone; then an outage.
show("matrix?path=direct&since=1h")
before = int(one("canvas.heat").get_attribute("data-known"))
do("more")
wait("the new figure", lambda: int(one("canvas.heat").get_attribute("data-known")) == before + 1)
check("what is new appears by itself", True)
quiet("the console is quiet", NO_PLAN)
wake = "document.dispatchEvent(new Event('visibilitychange'))"
do("stop")
js(wake)
check("an outage is told, with what to do", "does it run" in wait("the outage", errors), errors())
do("start")
js(wake)
wait("the end of the outage", lambda: errors() == "")
check("and its end is seen", True)
noise()

# In the dark.
b.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "dark"}]})
for view in ("matrix", "pair?src=hkg&dst=nrt&since=1h", "map", "plan"):
    show(view)
    picture("12-dark-" + view.split("?")[0])
b.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})

# A thousand.
do("crowd")
b.get(url + "/")
wait("a thousand nodes", settled, 120)
noise()
canvas = one("canvas.heat")
check("a thousand nodes: all pairs", int(canvas.get_attribute("data-known")) == 999000, canvas.get_attribute("data-known"))
times = [float(js("dispatchEvent(new Event('resize')); return document.querySelector('canvas.heat').dataset.redrawMs"))
         for _ in range(9)]
middle = statistics.median(times)
print("# redraw of 1,000 by 1,000: median %.1f ms, %.1f to %.1f" % (middle, min(times), max(times)))
check("a redraw takes at most %d ms" % REDRAW_MS, middle <= REDRAW_MS, times)
picture("1000-matrix")
ActionChains(b).move_to_element_with_offset(canvas, 33, -200).perform()
check("hovering finds one of a million", re.match(r"n\d{4} to n\d{4}: median [\d.]+ ms",
      wait("the tip", lambda: text("#tip"))), text("#tip"))
took = []
for view in ("map", "nodes", "plan", "events", "pair?src=n0001&dst=n0500", "matrix?path=best"):
    begin = time.monotonic()
    show(view)
    took.append("%s %.1f s" % (view.split("?")[0], time.monotonic() - begin))
    if not view.startswith("matrix"):
        picture("1000-" + view.split("?")[0])
    check("a thousand nodes: %s" % view.split("?")[0], errors() == "" and len(text()) > 20, errors())
print("# of a thousand, asked for and drawn: " + ", ".join(took))
quiet("the console is quiet")
js("const s = document.createElement('script'); s.textContent = 'window.stranger = 1'; document.body.append(s)")
check("what is not the page's own does not run", js("return window.stranger") is None and
      any("Content Security Policy" in m for m in noise()))
