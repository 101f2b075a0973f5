// SPDX-License-Identifier: MIT
// Why a pair goes the way it goes, out of the published plan and the figures at hand, in
// the words of meshopt why. What only the optimizer knows is not guessed at.

import { ms, percent } from "./dom.js";

const same = (x, a, b) => x.a === a && x.b === b || x.a === b && x.b === a;

// A pair that went bad is left out for so long; optimizer/decide/stage.h.
const LEFT_OUT_MS = 3600e3;

// The last word of an end about the other, if it is a bad one; events: newest first.
function bad_word(events, a, b) {
	const word = (x, y) => events.find((e) => e.node === x && e.peer === y &&
	    ["staged", "direct", "demoted", "withdrawn", "refused"].includes(e.kind));

	return [word(a, b), word(b, a)].filter((e) => e && (e.kind === "demoted" || e.kind === "refused"))
	    .sort((x, y) => Date.parse(y.at) - Date.parse(x.at))[0];
}

function head(a, b, route, tunnel, hub_ms) {
	const path = route ? route.path : "hub";
	const at = route ? route.ms : hub_ms;
	const way = path === "direct" ? "direct" : path.startsWith("relay:")
	    ? `through ${path.slice(6)}` : "through the hub";
	const has = tunnel && (tunnel.state === "keep" || tunnel.state === "drop");

	return `${a}-${b}: ${way}` + (at === null || at === undefined ? "" : `, ${ms(at)}`) +
	    (has ? "; it has a tunnel now" : "");
}

function because(x) {
	const { a, b, plan, mesh, route, tunnel, need, hub_ms, direct_ms, bad } = x;
	const path = route ? route.path : "hub";
	const node = (n) => mesh.nodes.find((m) => m.name === n) || {};
	const chosen = plan.tunnels.filter((t) => t.state !== "drop");

	if (path.startsWith("relay:"))
		return `tunnels ${a}-${path.slice(6)} and ${b}-${path.slice(6)} serve it as well`;
	if (tunnel && tunnel.state === "wait")
		return "the plan wants it, and leaves it for a later stage: the tunnels of this one " +
		    "have to stand first";
	if (tunnel && tunnel.state === "drop")
		return "the plan takes its tunnel down";
	if (tunnel)
		return `rank ${chosen.indexOf(tunnel) + 1} of ${chosen.length} tunnels, ` +
		    `budget ${plan.budget ?? "without limit"}` + (!route || route.good === undefined ? ""
			: route.good ? "; both ends have said that it stands"
			: "; not both ends have said yet that it stands");
	if (!node(a).endpoint && !node(b).endpoint)
		return "neither end has an Endpoint, so no tunnel can start";
	if (need)
		return `needs ${need.samples} more samples`;
	if (hub_ms === null || direct_ms === null)
		return "what is not measured is not planned with";
	if (direct_ms >= hub_ms)
		return "a tunnel is not sure to be faster than the hub";
	if (!route && node(a).role === "backend" && node(b).role === "backend")
		return "two backends: a plan is for pairs of a POP and a backend, unless it is made with " +
		    "--all-pairs";
	if (bad && Date.parse(plan.issued) - Date.parse(bad.at) < LEFT_OUT_MS)
		return `a direct path of it did not stand: ${bad.node} said ${bad.kind} at ${bad.at}, ` +
		    "and a plan leaves such a pair out for an hour";
	if (route && path === "hub" && Date.parse(plan.issued) - Date.parse(route.since) < LEFT_OUT_MS)
		return `a direct path of it did not stand, seen at ${route.since}, and a plan leaves such ` +
		    "a pair out for an hour";
	if (plan.budget !== null && chosen.length >= plan.budget && chosen.length &&
	    hub_ms - direct_ms <= chosen[chosen.length - 1].saves_ms)
		return `the budget of ${plan.budget} is used up by tunnels worth more; the least of ` +
		    `them saves ${ms(chosen[chosen.length - 1].saves_ms)}`;
	return `the plan has no tunnel for it; \`meshopt why ${a} ${b}\` knows the rule`;
}

// figures: path: { ms, sent, lost } of the newest time, or nothing.
// events: of the two, newest first.
export function why(a, b, plan, mesh, figures, events) {
	const on_hub = [a, b].find((n) => n === mesh.hub);

	if (on_hub)
		return `${a}-${b}: ${on_hub} is the hub: its paths are its own tunnels, and no plan ` +
		    "changes them";
	const route = plan && (plan.routes || []).find((r) => same(r, a, b));
	const tunnel = plan && (plan.tunnels || []).find((t) => same(t, a, b));
	const need = plan && (plan.needs || []).find((n) => same(n, a, b));
	const direct = figures.direct || figures.public;
	const hub_ms = figures.hub ? figures.hub.ms : tunnel ? tunnel.hub_ms : route ? route.hub_ms : null;
	const direct_ms = direct ? direct.ms : tunnel ? tunnel.direct_ms : null;
	const bad = bad_word(events, a, b);
	const lines = [head(a, b, route, tunnel, hub_ms)];
	const row = (what, x, text) =>
	    lines.push("  " + what.padEnd(10) + (x === null ? "unknown" : x.toFixed(1).padStart(7) +
		" ms") + "  " + text);
	const proof = (f) => f ? `; ${f.sent - f.lost} samples, loss ${percent(f.lost / f.sent)}`
	    : tunnel ? ", as the plan has it" : "";

	row("hub", hub_ms, hub_ms === null ? "nobody has measured it" : "between the overlay addresses" +
	    proof(figures.hub));
	row("direct", direct_ms, direct_ms === null ? "nobody has measured it"
	    : (figures.direct ? "in its tunnel" : "between the public addresses") + proof(direct));
	if (hub_ms !== null && direct_ms !== null)
		row("saves", hub_ms - direct_ms, direct_ms > 0 && hub_ms > direct_ms
		    ? `${(hub_ms / direct_ms).toFixed(1)} times as fast` : "");
	lines.push("  because   " + (plan
	    ? because({ a, b, plan, mesh, route, tunnel, need, hub_ms, direct_ms, bad })
	    : "no plan was published: everything goes by the hub, but for what was set up by hand"));
	if (plan && route && route.path !== "hub" && bad && Date.parse(bad.at) > Date.parse(plan.issued))
		lines.push(`  but       ${bad.node} said ${bad.kind} at ${bad.at}, after the plan: ` +
		    "it goes by the hub until the next one");
	if (plan && plan.epoch)
		lines.push(`  plan      epoch ${plan.epoch} of ${plan.issued}`);
	return lines.join("\n");
}
