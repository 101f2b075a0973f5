// SPDX-License-Identifier: MIT
// The published plan: before and after, its tunnels by what they save, and what it waits for.

import { get_if_any } from "./api.js";
import { ago, clock, h, ms, percent, span, state, svg, table } from "./dom.js";

const ROUTES_MAX = 300;

const fact = (name, value, more) =>
    h("div", {}, h("dt", {}, name), h("dd", {}, value, more && h("small", {}, " " + more)));

function before_after(plan) {
	const hi = Math.max(plan.hub_mean_ms, plan.mean_ms), wide = 420;
	const bar = (cls, v, text) => [cls, svg("svg", { class: "bar", width: wide, height: 10, "aria-hidden": "true" },
	    svg("rect", { class: cls, width: Math.max(1, v / hi * wide), height: 10 })), text];

	return table("weighted mean of the pairs", ["", "", ""], [
		["everything on the hub", ...bar("from", plan.hub_mean_ms, ms(plan.hub_mean_ms)).slice(1)],
		["with the plan", ...bar("to", plan.mean_ms, ms(plan.mean_ms)).slice(1)],
		plan.bound_ms !== null && plan.bound_ms !== undefined &&
		    ["no plan is below", ...bar("bound", plan.bound_ms, ms(plan.bound_ms)).slice(1)],
	].filter(Boolean));
}

export function create(root, ctx) {
	const out = h("div");
	let old = null;

	root.append(out);

	function none() {
		out.replaceChildren(h("h2", {}, "No plan"), h("p", { class: "note" }, ctx.mesh.plans
		    ? "No plan was published yet. `meshopt plan --publish --key FILE` does it; see meshopt-plan(1)."
		    : "The mesh file has no PlanKey, so no plan can be published to this collector. " +
		      "`meshopt keygen --plan` makes one; see meshopt-keygen(1) and mesh.conf(5)."));
	}

	const pair = (x) => h("a", { href: ctx.href("pair", { src: x.a, dst: x.b }) }, `${x.a}–${x.b}`);

	function tunnels(plan) {
		const list = [...plan.tunnels].sort((a, b) => (a.state === "drop") - (b.state === "drop") ||
		    b.saves_ms - a.saves_ms);
		const hi = Math.max(...list.map((t) => t.hub_ms || 0), 1), wide = 180;
		const bar = (t) => svg("svg", { class: "bar", width: wide, height: 10, "aria-hidden": "true" },
		    svg("rect", { class: "from", width: (t.hub_ms || 0) / hi * wide, height: 4 }),
		    svg("rect", { class: "to", y: 5, width: (t.direct_ms || 0) / hi * wide, height: 5 }));

		return table("tunnels, by what each saves its own pair; the upper bar is through the hub, the " +
		    "lower one direct", ["pair", "state", "hub#", "direct#", "saves#", ""],
		    list.map((t) => [pair(t), state(t.state), ms(t.hub_ms), ms(t.direct_ms), ms(t.saves_ms), bar(t)]));
	}

	function routes(plan) {
		const off = (plan.routes || []).filter((r) => r.path !== "hub" && r.ms !== null && r.hub_ms !== null)
		    .sort((a, b) => (b.hub_ms - b.ms) - (a.hub_ms - a.ms));

		return off.length ? table((off.length === 1 ? "one pair leaves the hub" : `${off.length} pairs leave the hub`) + (off.length > ROUTES_MAX
		    ? `; the ${ROUTES_MAX} that save most` : ""),
		    ["pair", "path", "before#", "after#", "saves#", "since", "confirmed by both"],
		    off.slice(0, ROUTES_MAX).map((r) => [pair(r), r.path, ms(r.hub_ms), ms(r.ms),
			ms(r.hub_ms - r.ms), r.since ? clock(r.since) : "", r.good === undefined ? "" : r.good ? "yes" : "not yet"]))
		    : h("p", { class: "note" }, "All pairs go by the hub.");
	}

	async function refresh(p, signal) {
		const plan = ctx.mesh.plans ? await get_if_any("api/v1/plan?format=json", signal) : null;

		if (old && old[0] === plan)
			return;
		old = [plan];
		if (!plan) {
			none();
			return;
		}
		const count = (s) => plan.tunnels.filter((t) => t.state === s).length;
		const stays = plan.tunnels.filter((t) => t.state !== "drop");
		const age = (Date.now() - Date.parse(plan.issued)) / 1000;
		out.replaceChildren(h("h2", {}, `Plan ${plan.epoch ?? ""}`),
		    h("div", { class: "panel" }, h("dl", { class: "facts" },
			fact("issued", ago(age), plan.ttl_s && age > plan.ttl_s
			    ? "too old to begin a change" : plan.ttl_s ? `for ${span(plan.ttl_s)}` : ""),
			fact("tunnels", String(stays.length), `of ${plan.budget ?? "any number"}`),
			["add", "keep", "wait", "drop"].map((s) => fact(s, String(count(s)))),
			plan.hub_mean_ms && fact("mean", ms(plan.mean_ms), `from ${ms(plan.hub_mean_ms)}`),
			plan.gap !== undefined && fact("from the bound", percent(plan.gap), plan.gap === 0
			    ? "proven optimal" : "at most"),
			plan.next_saves_ms !== null && plan.next_saves_ms !== undefined &&
			    fact("one tunnel more", plan.next_saves_ms ? ms(plan.next_saves_ms) : "nothing",
				plan.next_saves_ms ? "times weight" : "to be gained"),
			plan.unmeasured ? fact("pairs unmeasured", String(plan.unmeasured), `of ${plan.pairs}`) : null)),
		    plan.hub_mean_ms ? before_after(plan) : "",
		    h("h3", {}, "Tunnels"), plan.tunnels.length ? tunnels(plan)
			: h("p", { class: "note" }, "The plan has no tunnel: nothing is worth one."),
		    h("h3", {}, "Before and after"), routes(plan),
		    ...((plan.needs || []).length ? [h("h3", {}, "Kept out by too few samples"),
			table("the most worth first", ["pair", "samples missing#", "could gain#"],
			    plan.needs.map((n) => [pair(n), n.samples, n.could]))] : []));
	}

	return { refresh };
}
