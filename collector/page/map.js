// SPDX-License-Identifier: MIT
// The topology: the hub in the middle, POPs on an inner ring, backends on an outer one, all
// by region. The colour of a tunnel is its RTT, its dashes are what the plan does with it.

import { get, get_if_any, UNKNOWN } from "./api.js";
import { css, place, scale } from "./colour.js";
import { h, hide_tip, ms, select, show_tip, svg } from "./dom.js";

const SIZE = 1000, MID = SIZE / 2, LABELS_UP_TO = 60, RINGS = 6, RING_MAX = 90;
const LO_MS = 1, HI_MS = 500;
const STATES = ["live", "keep", "add", "wait", "drop"];

// A line is thin: of the scale only what stands out from the ground is used.
const dark = () => matchMedia("(prefers-color-scheme: dark)").matches;
const line = (t) => css(scale(dark() ? 0.3 + 0.7 * t : 0.88 * t));
const colour = (x) => x === null ? "var(--stripe)" : line(place(Math.max(x, LO_MS), LO_MS, HI_MS));

// Places of the nodes: name: { x, y, angle }.
function layout(mesh) {
	const rest = mesh.nodes.filter((n) => n.role !== "hub").sort((a, b) =>
	    (a.region || "") < (b.region || "") ? -1 : (a.region || "") > (b.region || "") ? 1
		: a.name < b.name ? -1 : 1);
	const groups = new Set(rest.map((n) => n.region || "")).size;
	const slots = rest.length + (groups > 1 ? groups * 0.7 : 0);
	const rings = Math.min(RINGS, Math.ceil(rest.length / RING_MAX));
	const out = new Map([[mesh.hub, { x: MID, y: MID }]]), regions = [];
	const inner = rest.some((n) => n.role === "backend") ? 265 : 420;
	let at = 0, region = null;

	rest.forEach((n, i) => {
		if (region !== null && region !== (n.region || ""))
			at += 0.7;
		region = n.region || "";
		const angle = at++ / slots * 2 * Math.PI - Math.PI / 2;
		const ring = i % rings * (rings > 1 ? 150 / rings : 0);
		const r = (n.role === "pop" ? inner : 420) - ring;
		out.set(n.name, { x: MID + r * Math.cos(angle), y: MID + r * Math.sin(angle), angle });
		const last = regions[regions.length - 1];
		if (last && last.region === region)
			last.to = angle;
		else
			regions.push({ region, from: angle, to: angle, r: 0 });
		regions[regions.length - 1].r = Math.max(regions[regions.length - 1].r, r + ring);
	});
	return { places: out, regions };
}

export function create(root, ctx) {
	const mesh = ctx.mesh, names = mesh.nodes.map((n) => n.name);
	const which = select("tunnels", "tunnels", [["all", "all"], ["hub", "through the hub"],
		["direct", "direct"], ...STATES.slice(1).map((s) => [s, "to " + s])],
	    (v) => ctx.set({ tunnels: v }));
	const holder = h("div"), legend = h("div", { class: "legend" });
	const bar = h("canvas", { width: 128, height: 10, "aria-hidden": "true" });
	const { places, regions } = layout(mesh);
	let old = null;

	root.append(h("div", { class: "controls" }, which.wrap), holder, legend);
	function paint_bar() {
		const g = bar.getContext("2d");

		for (let x = 0; x < 128; x++) {
			g.fillStyle = line(x / 127);
			g.fillRect(x, 0, 1, 10);
		}
	}
	const sample = (s, text) => h("span", { class: "key" }, svg("svg", { width: 44, height: 8,
		class: "topology-key" }, svg("path", { d: "M0 4H44", stroke: "currentColor",
		"stroke-width": 3, "stroke-dasharray": { add: "10 5", wait: "2 5", drop: "2 9" }[s] })), text);
	legend.append(h("span", { class: "key" }, ms(LO_MS), bar, ms(HI_MS)), sample("keep", "stands"),
	    sample("add", "to be added"), sample("wait", "waits for its stage"), sample("drop", "to be dropped"),
	    ...["reporting", "late", "never"].map((s) => h("span", { class: "key" },
		h("span", { class: "swatch " + s }), s === "never" ? "never reported" : s)),
	    h("span", {}, "square: POP; round: backend"));

	function hover(el, text) {
		el.addEventListener("mousemove", (e) => show_tip(e.clientX, e.clientY, text));
		el.addEventListener("mouseleave", hide_tip);
		return el;
	}

	function tunnel(a, b, state, rtt, bend) {
		const p = places.get(a), q = places.get(b);

		if (!p || !q)
			return null;
		// Bent towards the middle: direct tunnels do not hide those of the hub.
		const cx = (p.x + q.x) / 2 + (MID - (p.x + q.x) / 2) * bend;
		const cy = (p.y + q.y) / 2 + (MID - (p.y + q.y) / 2) * bend;
		const text = `${a}–${b}: ${state === "hubway" ? "through the hub" : state}, ` +
		    (rtt === null ? "not measured" : ms(rtt));
		return hover(svg("a", { href: ctx.href("pair", { src: a, dst: b }), "aria-label": text,
			tabindex: state === "hubway" ? "-1" : "0" },
		    svg("path", { class: "tunnel " + state, "data-state": state, stroke: colour(rtt),
			d: `M${p.x.toFixed(1)} ${p.y.toFixed(1)}Q${cx.toFixed(1)} ${cy.toFixed(1)} ` +
			    `${q.x.toFixed(1)} ${q.y.toFixed(1)}` })), text);
	}

	function node(n, report) {
		const p = places.get(n.name), big = names.length <= LABELS_UP_TO;
		const r = n.role === "hub" ? 16 : n.role === "pop" ? (big ? 12 : 6) : big ? 9 : 5;
		const state = report ? report.state : "never";
		const text = `${n.name}, ${n.role}${n.region ? ", " + n.region : ""}: ${state}` +
		    (report && report.why ? `\n${report.why}` : "");
		const shape = n.role === "pop"
		    ? svg("rect", { class: "node " + state, x: p.x - r, y: p.y - r, width: 2 * r, height: 2 * r, rx: 2 })
		    : svg("circle", { class: "node " + state, cx: p.x, cy: p.y, r });
		const out = p.angle === undefined ? [0, 36] : [Math.cos(p.angle) * (r + 8), Math.sin(p.angle) * (r + 12)];
		const label = big && svg("text", { x: p.x + out[0], y: p.y + out[1] + 6,
			"text-anchor": Math.abs(out[0]) < 6 ? "middle" : out[0] > 0 ? "start" : "end" }, n.name);

		return hover(svg("a", { href: ctx.href("nodes", { name: n.name }), "aria-label": text,
			tabindex: big ? "0" : "-1" }, shape, label), text);
	}

	function tunnels(hub, direct, plan, p) {
		const n = names.length, at = (m, a, b) => {
			const i = m.names.indexOf(a) * n, k = m.names.indexOf(b);
			const v = m.cells[i + k] !== UNKNOWN ? m.cells[i + k] : m.cells[k * n + i / n];
			return v === UNKNOWN ? null : v / 1e3;
		};
		const seen = new Set(), out = [], want = p.tunnels || "all";

		if (want === "all" || want === "hub")
			for (const x of names)
				if (x !== mesh.hub)
					out.push(tunnel(mesh.hub, x, "hubway", at(hub, mesh.hub, x), 0));
		for (const t of plan ? plan.tunnels || [] : []) {
			seen.add(t.a + " " + t.b).add(t.b + " " + t.a);
			if (["all", "direct", t.state].includes(want))
				out.push(tunnel(t.a, t.b, t.state, at(direct, t.a, t.b) ?? t.direct_ms, 0.35));
		}
		// Those that no plan knows, and that carry probes all the same.
		for (let i = 0; i < direct.cells.length; i++) {
			const a = Math.floor(i / n), b = i % n;
			const x = direct.names[a], y = direct.names[b];

			if (a === b || direct.cells[i] === UNKNOWN || seen.has(x + " " + y))
				continue;
			seen.add(x + " " + y).add(y + " " + x);
			if (want === "all" || want === "direct")
				out.push(tunnel(x, y, "live", direct.cells[i] / 1e3, 0.35));
		}
		return out;
	}

	async function refresh(p, signal) {
		const nodes = await get("api/v1/nodes", signal);
		const hub = await get("api/v1/matrix?path=hub&stat=p50&since=5m&format=bin", signal);
		const direct = await get("api/v1/matrix?path=direct&stat=p50&since=5m&format=bin", signal);
		const plan = mesh.plans ? await get_if_any("api/v1/plan?format=json", signal) : null;
		const states = nodes.nodes.map((n) => n.state).join();

		which.value = p.tunnels || "all";
		const now = [hub, direct, plan, states, which.value, dark()];
		if (old && now.every((x, i) => x === old[i]))
			return;
		old = now;
		paint_bar();
		hide_tip();
		const by = new Map(nodes.nodes.map((n) => [n.name, n]));
		const gap = names.length <= LABELS_UP_TO ? 62 : 22;
		const had = document.activeElement && holder.contains(document.activeElement)
		    ? document.activeElement.getAttribute("href") : null;
		holder.replaceChildren(svg("svg", { class: "topology", viewBox: `-200 0 ${SIZE + 400} ${SIZE}`,
			"aria-label": `topology of ${names.length} nodes` },
		    svg("g", {}, tunnels(hub, direct, plan, p)),
		    svg("g", {}, mesh.nodes.map((n) => node(n, by.get(n.name)))),
		    regions.length > 1 && svg("g", {}, regions.map((r) => {
			const a = (r.from + r.to) / 2;
			return svg("text", { class: "region", x: MID + (r.r + gap) * Math.cos(a),
				y: MID + (r.r + gap) * Math.sin(a) + 4, "text-anchor": Math.abs(Math.cos(a)) < 0.2
				    ? "middle" : Math.cos(a) > 0 ? "start" : "end" }, r.region);
		    }))));
		if (had)
			holder.querySelector(`a[href="${CSS.escape(had)}"]`)?.focus();
	}

	return { refresh, redraw: () => {
		if (old && old[old.length - 1] !== dark()) {
			old = null;
			ctx.refresh();
		}
	} };
}
