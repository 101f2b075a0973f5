// SPDX-License-Identifier: MIT
// Sources by destinations. The keys walk the cells, and what is under them is said aloud.

import { get, UNKNOWN } from "./api.js";
import { css, round125, scale } from "./colour.js";
import { h, hide_tip, ms, percent, select, show_tip, table, tick } from "./dom.js";
import { Heat } from "./heat.js";

const PATHS = ["hub", "direct", "public"];
const STATS = [["p50", "median"], ["p95", "p95"], ["p99", "p99"], ["min", "minimum"],
	["mean", "mean"], ["max", "maximum"], ["jitter", "jitter"], ["loss", "loss"]];
const WINDOWS = [["1m", "1 minute"], ["5m", "5 minutes"], ["1h", "1 hour"], ["24h", "24 hours"],
	["7d", "7 days"]];
// Three paths at once are three times the work: of a large mesh only if asked for.
const BEST_UP_TO = 300;
// As a text: the whole square of a mesh as large as this, else the worst pairs.
const SQUARE_UP_TO = 40, WORST = 200;

// Of several matrices the least of each cell, and whose it is.
function least(list) {
	const n = list[0].cells.length;
	const cells = new Uint32Array(n).fill(UNKNOWN), from = new Uint8Array(n).fill(255);

	for (let p = 0; p < list.length; p++) {
		const k = list[p].cells;

		for (let i = 0; i < n; i++)
			if (k[i] < cells[i]) {
				cells[i] = k[i];
				from[i] = p;
			}
	}
	return { cells, from };
}

export function create(root, ctx) {
	const mesh = ctx.mesh, set = (k) => (v) => ctx.set({ [k]: v });
	const path = select("path", "path", ["best", ...PATHS], set("path"));
	const stat = select("figure", "stat", STATS, set("stat"));
	const since = select("window", "since", WINDOWS, set("since"));
	const text = tick("as a table", "table", (on) => ctx.set({ table: on ? "1" : null }));
	const canvas = h("canvas", { class: "heat", tabindex: "0", role: "application",
		"aria-roledescription": "heat map", "aria-describedby": "said" });
	const said = h("p", { class: "said", id: "said", "aria-live": "polite" });
	const scroll = h("div", { class: "scroll" }, canvas), words = h("div");
	const legend = h("div", { class: "legend" });
	const heat = new Heat(canvas);
	let d = null;

	root.append(h("div", { class: "controls" }, path.wrap, stat.wrap, since.wrap, text.wrap),
	    said, scroll, legend, words);

	const value = (v) => v === UNKNOWN ? "unknown" : d.is_loss ? percent(v / 1e6) : ms(v / 1e3);

	function sentence([r, c]) {
		const a = d.order[r], b = d.order[c], i = a * d.order.length + b;
		const names = `${d.names[a]} to ${d.names[b]}`;

		if (a === b)
			return `${d.names[a]}: itself`;
		const lines = [`${names}: ${d.label} ${value(d.cells[i])}` +
		    (d.from && d.from[i] < 3 ? `, ${PATHS[d.from[i]]}` : "")];
		if (d.loss && d.loss[i] !== UNKNOWN)
			lines.push(`loss ${percent(d.loss[i] / 1e6)}`);
		if (d.parts)
			d.parts.forEach((m, p) => m.cells[i] !== UNKNOWN &&
			    lines.push(`${PATHS[p]} ${value(m.cells[i])}`));
		return lines.join("\n");
	}

	function open([r, c]) {
		if (r !== c)
			ctx.go("pair", { src: d.names[d.order[r]], dst: d.names[d.order[c]] });
	}

	canvas.addEventListener("mousemove", (e) => {
		const at = d && heat.find(e);

		if (at)
			show_tip(e.clientX, e.clientY, sentence(at));
		else
			hide_tip();
	});
	canvas.addEventListener("mouseleave", hide_tip);
	canvas.addEventListener("blur", hide_tip);
	canvas.addEventListener("click", (e) => {
		const at = d && heat.find(e);

		if (at)
			open(at);
	});
	canvas.addEventListener("keydown", (e) => {
		if (!d || e.ctrlKey || e.altKey || e.metaKey)
			return;
		const n = d.order.length, [r, c] = heat.at || [0, Math.min(1, n - 1)];
		const by = e.shiftKey ? 10 : 1;
		const to = { ArrowUp: [r - by, c], ArrowDown: [r + by, c], ArrowLeft: [r, c - by],
			ArrowRight: [r, c + by], Home: [r, 0], End: [r, n - 1], PageUp: [0, c],
			PageDown: [n - 1, c] }[e.key];

		if (e.key === "Enter" && heat.at) {
			open(heat.at);
			return;
		}
		if (!to)
			return;
		e.preventDefault();
		const clamp = (x) => Math.min(n - 1, Math.max(0, x));
		heat.at = heat.at ? to.map(clamp) : [r, c];
		heat.draw();
		said.textContent = sentence(heat.at).replaceAll("\n", ", ");
		show_tip(...heat.spot(heat.at), sentence(heat.at));
	});

	async function fetch_all(p, signal) {
		const q = `since=${p.since}&format=bin`;
		const one = (name, figure) => get(`api/v1/matrix?path=${name}&stat=${figure}&${q}`,
		    signal);
		const paths = p.path === "best" ? PATHS : [p.path];
		const parts = [], losses = [];

		for (const name of paths) {
			parts.push(await one(name, p.stat));
			if (p.stat !== "loss")
				losses.push(await one(name, "loss"));
		}
		return { parts, losses };
	}

	function assemble(p, { parts, losses }) {
		const many = parts.length > 1;
		const best = many ? least(parts) : { cells: parts[0].cells, from: null };
		const names = parts[0].names, region = new Map(mesh.nodes.map((x) => [x.name, x.region || ""]));
		const of = (i) => region.get(names[i]) || "";
		const order = names.map((_, i) => i).sort((a, b) =>
		    of(a) < of(b) ? -1 : of(a) > of(b) ? 1 : names[a] < names[b] ? -1 : 1);
		let loss = null;

		if (losses.length)
			loss = many ? least(losses).cells : losses[0].cells;
		// The loss of the path that the figure is of; of none, the least there is.
		if (many && loss)
			for (let i = 0; i < loss.length; i++)
				if (best.from[i] < 3)
					loss[i] = losses[best.from[i]].cells[i];
		return { names, order, groups: order.map(of), cells: best.cells, from: best.from,
			loss, parts: many ? parts : null, is_loss: p.stat === "loss",
			label: STATS.find((s) => s[0] === p.stat)[1] };
	}

	function limits() {
		let lo = UNKNOWN, hi = 0, n = 0;

		for (const v of d.cells)
			if (v !== UNKNOWN && v > 0) {
				if (v < lo)
					lo = v;
				if (v > hi)
					hi = v;
				n++;
			}
		d.known = n;
		d.lo = n ? round125(lo, false) : 1000;
		d.hi = n ? Math.max(round125(hi, true), d.lo * 2) : 1e6;
	}

	function show_legend() {
		const bar = h("canvas", { width: 256, height: 12, "aria-hidden": "true" });
		const g = bar.getContext("2d");

		for (let x = 0; x < 256; x++) {
			g.fillStyle = css(scale(x / 255));
			g.fillRect(x, 0, 1, 12);
		}
		const mark = (c, w) => h("span", { class: "key" }, h("span", { class: "swatch " + c }), w);
		legend.replaceChildren(
		    d.is_loss ? mark("loss", "loss; the paler the less")
			: h("span", { class: "key" }, ms(d.lo / 1e3), bar, ms(d.hi / 1e3) +
			    `, its middle is ${ms(Math.sqrt(d.lo * d.hi) / 1e3)}`),
		    d.is_loss ? "" : mark("loss", "loses 5 % or more"),
		    d.is_loss ? "" : mark("dead", "no answer"),
		    mark("unknown", "not measured"),
		    h("span", {}, "rows measure, columns are measured; round trips"));
	}

	function show_table() {
		const n = d.order.length, name = (k) => d.names[d.order[k]];
		const at = (r, c) => d.order[r] * n + d.order[c];
		const say = (r, c) => r === c ? "–" : value(d.cells[at(r, c)]) +
		    (d.loss && d.loss[at(r, c)] !== UNKNOWN && d.loss[at(r, c)] > 0
			? `, loss ${percent(d.loss[at(r, c)] / 1e6)}` : "");
		const link = (a, b) => h("a", { href: ctx.href("pair", { src: a, dst: b }) }, `${a} to ${b}`);

		if (n <= SQUARE_UP_TO)
			return table(`${d.label} from the row to the column`,
			    ["from", ...d.order.map((i) => d.names[i] + "#")],
			    d.order.map((i, r) => [h("strong", {}, name(r)), ...d.order.map((_, c) => say(r, c))]));
		const worst = [];
		for (let r = 0; r < n; r++)
			for (let c = 0; c < n; c++)
				if (r !== c && d.cells[at(r, c)] !== UNKNOWN)
					worst.push([d.cells[at(r, c)], r, c]);
		worst.sort((x, y) => y[0] - x[0]);
		return table(`the ${WORST} highest of ${worst.length}`, ["pair", d.label + "#"],
		    worst.slice(0, WORST).map(([, r, c]) => [link(name(r), name(c)), say(r, c)]));
	}

	let shown = null;
	async function refresh(p, signal) {
		p = { path: mesh.nodes.length > BEST_UP_TO ? "hub" : "best", stat: "p50", since: "5m", ...p };
		path.value = p.path;
		stat.value = p.stat;
		since.value = p.since;
		text.checked = p.table === "1";
		const got = await fetch_all(p, signal);
		const now = [...got.parts, ...got.losses, p.table];
		if (shown && now.length === shown.length && now.every((x, i) => x === shown[i]))
			return;
		shown = now;
		d = assemble(p, got);
		limits();
		canvas.setAttribute("aria-label", `${d.label} of ${d.order.length} nodes, ` +
		    `${d.known} pairs known; arrow keys walk, Enter opens the pair`);
		const took = heat.show(d);
		canvas.dataset.redrawMs = took.toFixed(2);
		canvas.dataset.known = d.known;
		show_legend();
		words.replaceChildren(p.table === "1" ? show_table() : "");
		if (!heat.at)
			said.textContent = d.known
			    ? `${d.known} of ${d.order.length * (d.order.length - 1)} pairs are known`
			    : "Nothing was measured in this window: take a longer one, another path, or " +
			      "see under nodes who is silent.";
	}

	return { refresh, redraw: () => {
		if (d)
			canvas.dataset.redrawMs = heat.show(d).toFixed(2);
	} };
}
