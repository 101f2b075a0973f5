// SPDX-License-Identifier: MIT
// One pair over time, what happened to it, and why it goes the way it goes.

import { get, get_if_any } from "./api.js";
import { clock, h, hide_tip, ms, percent, select, show_tip, table } from "./dom.js";
import { list_of } from "./events.js";
import { PATHS, Smoke } from "./smoke.js";
import { why } from "./why.js";

// The newest points that together are worth a figure.
const RECENT = 5;

function recent(points) {
	const known = points.slice(-RECENT), last = known.findLast((q) => q.p50_ms !== undefined);

	if (!last)
		return null;
	return { ms: last.p50_ms, sent: known.reduce((s, q) => s + q.sent, 0),
		lost: known.reduce((s, q) => s + q.lost, 0) };
}

export function create(root, ctx) {
	const names = ctx.mesh.nodes.map((n) => n.name).sort();
	const set = (k) => (v) => ctx.set({ [k]: v });
	const src = select("from", "src", names, set("src"));
	const dst = select("to", "dst", names, set("dst"));
	const since = select("window", "since", [["15m", "15 minutes"], ["1h", "1 hour"],
		["6h", "6 hours"], ["24h", "24 hours"], ["7d", "7 days"], ["30d", "30 days"]], set("since"));
	const swap = h("button", { type: "button",
		onclick: () => ctx.set({ src: dst.value, dst: src.value }) }, "other direction");
	const canvas = h("canvas", { class: "smoke", role: "img", tabindex: "0" });
	const title = h("h2"), text = h("p", { class: "why" }), under = h("div");
	const key = (c) => h("span", { class: "key" }, h("span", { class: "swatch " + c }), c);
	const smoke = new Smoke(canvas);
	let d = null, old = null;

	root.append(h("div", { class: "controls" }, src.wrap, dst.wrap, since.wrap, swap), title,
	    h("div", { class: "panel" }, text), h("div", { class: "scroll" }, canvas),
	    h("div", { class: "legend" }, PATHS.map(key), key("loss"),
		h("span", {}, "line: median; cloud: p25 to p75 and p5 to p95; round trips; UTC")), under);

	canvas.addEventListener("mousemove", (e) => {
		if (!d)
			return;
		const t = smoke.time(e), lines = [];
		for (const p of PATHS) {
			const q = (d.paths[p] || []).find((x) => x.t <= t && t < x.t + smoke.d.step);

			if (q)
				lines.push(`${p}: ` + (q.p50_ms === undefined ? "no answer"
				    : `${ms(q.p5_ms)} / ${ms(q.p50_ms)} / ${ms(q.p95_ms)}`) +
				    `, loss ${percent(q.sent ? q.lost / q.sent : 0)}`);
		}
		if (lines.length)
			show_tip(e.clientX, e.clientY, clock(t * 1000) + "\np5 / p50 / p95\n" + lines.join("\n"));
		else
			hide_tip();
	});
	canvas.addEventListener("mouseleave", hide_tip);

	function figures() {
		const rows = PATHS.filter((p) => (d.paths[p] || []).length).map((p) => {
			const points = d.paths[p], known = points.filter((q) => q.p50_ms !== undefined);
			const sum = (k) => points.reduce((s, q) => s + q[k], 0);
			const last = known[known.length - 1];

			return [p, last ? ms(last.p50_ms) : "no answer", last ? ms(last.p95_ms) : "",
				last ? ms(last.p99_ms) : "", known.length ? ms(Math.min(...known.map((q) => q.min_ms))) : "",
				known.length ? ms(Math.max(...known.map((q) => q.max_ms))) : "",
				percent(sum("sent") ? sum("lost") / sum("sent") : 0), sum("sent"),
				last ? clock(last.t * 1000) : ""];
		});

		return table(`each path: its newest step of ${d.step_s} s, and all of the window`,
		    ["path", "median#", "p95#", "p99#", "minimum of all#", "maximum of all#", "loss of all#",
			"probes#", "newest"], rows);
	}

	function pick(p) {
		const others = (n) => names.find((x) => x !== n && x !== ctx.mesh.hub) || names.find((x) => x !== n);
		const s = p.src || others(p.dst), t = p.dst || others(s);

		src.value = s;
		dst.value = t;
		since.value = p.since || "1h";
		return [s, t];
	}

	async function refresh(p, signal) {
		const [a, b] = pick(p);

		title.textContent = `${a} to ${b}`;
		if (a === b)
			throw Object.assign(new Error("A pair has two ends: choose another node."), { status: 400 });
		const pair = `api/v1/pairs/${encodeURIComponent(a)}/${encodeURIComponent(b)}`;
		const got = await get(`${pair}?since=${since.value}`, signal);
		const plan = ctx.mesh.plans ? await get_if_any("api/v1/plan?format=json", signal) : null;
		if (old && old[0] === got && old[1] === plan)
			return;
		old = [got, plan];
		d = got;
		const now = {};
		for (const path of PATHS)
			now[path] = recent(d.paths[path] || []);
		text.textContent = why(a, b, plan, ctx.mesh, now, d.events);
		const any = PATHS.some((x) => (d.paths[x] || []).length);
		smoke.show({ from: Date.parse(d.since) / 1000, to: Date.parse(d.until) / 1000,
			step: d.step_s, paths: d.paths,
			events: d.events.map((e) => ({ t: Date.parse(e.at) / 1000, kind: e.kind })) });
		canvas.setAttribute("aria-label", `round trips ${a} to ${b}; the figures are in the table below`);
		canvas.dataset.points = PATHS.reduce((s, x) => s + (d.paths[x] || []).length, 0);
		under.replaceChildren(any ? figures() : h("p", { class: "note" },
		    `${a} has not measured ${b} in this time: choose a longer one, or see under nodes ` +
		    `whether ${a} reports.`),
		    d.events.length ? h("div", {}, h("h3", {}, "what happened"),
			list_of(ctx, d.events, "events of the two about each other")) : "");
	}

	return { refresh, redraw: () => d && smoke.draw() };
}
