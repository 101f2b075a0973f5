// SPDX-License-Identifier: MIT
// The frame: the address behind # holds all state, as "#view?key=value"; a view gets its
// part of it and is asked to refresh itself when that changes and every ten seconds.

import { get } from "./api.js";
import { h, hide_tip } from "./dom.js";
import * as events from "./events.js";
import * as map from "./map.js";
import * as matrix from "./matrix.js";
import * as nodes from "./nodes.js";
import * as pair from "./pair.js";
import * as plan from "./plan.js";

const POLL_MS = 10000;
// A view whose answers take long, as those of 1,000 nodes do, asks more seldom: the
// collector is there for the probers first.
const REST = 5;
const VIEWS = { matrix: ["Matrix", matrix], pair: ["Pair", pair], map: ["Map", map],
	plan: ["Plan", plan], events: ["Events", events], nodes: ["Nodes", nodes] };

const $ = (id) => document.getElementById(id);
const last = {}; // view: its parameters when it was left
let mesh = null, now = null, timer = null, asking = null;

function parse() {
	const [view, query] = location.hash.slice(1).split("?");

	return { view: VIEWS[view] ? view : "matrix",
		params: Object.fromEntries(new URLSearchParams(query || "")) };
}

function href(view, params) {
	const q = new URLSearchParams(Object.entries(params || {}).filter(([, v]) =>
	    v !== null && v !== undefined && v !== "")).toString();

	return "#" + view + (q ? "?" + q : "");
}

const ctx = {
	get mesh() { return mesh; },
	href,
	refresh: () => refresh(),
	go: (view, params) => { location.hash = href(view, params); },
	// Change some of this view's parameters; not a step back in the history each.
	set: (change) => {
		const { view, params } = parse();

		history.replaceState(null, "", href(view, { ...params, ...change }));
		route();
	},
};

function complain(e) {
	const box = $("errors");

	box.hidden = !e;
	box.textContent = e ? e.message + (e.status ? "" : ".") : "";
}

function stamp(text) {
	$("clock").textContent = text;
}

function schedule(took) {
	clearTimeout(timer);
	if (!document.hidden)
		timer = setTimeout(refresh, Math.max(POLL_MS, took * REST));
}

async function refresh() {
	const begin = performance.now(), { params } = parse(), of = now;

	clearTimeout(timer);
	if (asking)
		asking.abort();
	const mine = asking = new AbortController();
	$("view").setAttribute("aria-busy", "true");
	try {
		if (!mesh) {
			mesh = await get("api/v1/mesh", mine.signal);
			$("mesh").textContent = mesh.mesh;
			document.title = "meshopt " + mesh.mesh;
		}
		if (!of.made) {
			$("view").replaceChildren();
			of.made = of.module.create($("view"), ctx);
		}
		await of.made.refresh(params, mine.signal);
		complain(null);
		stamp("as of " + new Date().toLocaleTimeString());
	} catch (e) {
		if (mine.signal.aborted)
			return; // another refresh took over
		complain(e);
		if (!e.status)
			console.warn(e.message);
	}
	if (mine !== asking)
		return;
	asking = null;
	$("view").removeAttribute("aria-busy");
	$("view").dataset.ready = location.hash;
	schedule(performance.now() - begin);
}

function tabs() {
	$("tabs").replaceChildren(...Object.entries(VIEWS).map(([view, [title]]) =>
	    h("a", { href: href(view, view === now.view ? parse().params : last[view]),
		"aria-current": view === now.view ? "page" : null, "data-view": view }, title)));
}

function route() {
	const { view, params } = parse();
	const had = $("tabs").contains(document.activeElement);

	hide_tip();
	last[view] = params;
	if (!now || now.view !== view)
		now = { view, module: VIEWS[view][1], made: null };
	tabs();
	if (had)
		$("tabs").querySelector("[aria-current]").focus();
	refresh();
}

// The tabs are links; the arrow keys go along them as well.
$("tabs").addEventListener("keydown", (e) => {
	const by = { ArrowRight: 1, ArrowLeft: -1 }[e.key], all = [...$("tabs").children];

	if (by)
		all[(all.indexOf(document.activeElement) + by + all.length) % all.length].focus();
});
addEventListener("hashchange", route);
document.addEventListener("visibilitychange", () => {
	clearTimeout(timer);
	if (document.hidden)
		stamp("paused");
	else
		refresh();
});
const redraw = () => now && now.made && now.made.redraw && now.made.redraw();
addEventListener("resize", redraw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
route();
