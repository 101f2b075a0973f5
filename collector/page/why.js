// SPDX-License-Identifier: MIT
// Why a pair goes the way it goes, out of the published plan and the figures at hand, in
// the words of meshopt why. What only the optimizer knows is not guessed at.

import { ms, percent } from "./dom.js";

const same = (x, a, b) => x.a === a && x.b === b || x.a === b && x.b === a;

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
	const { a, b, plan, mesh, route, tunnel, need, hub_ms, direct_ms, events } = x;
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
		    `budget ${plan.budget ?? "without limit"}`;
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
	const fell = events.find((e) => e.kind === "direct" || e.kind === "demoted");
	if (fell && fell.kind === "demoted")
		return `a tunnel of it did not stand: ${fell.node} left it at ${fell.at}, and a plan ` +
		    "leaves such a pair out for a while";
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
	    ? because({ a, b, plan, mesh, route, tunnel, need, hub_ms, direct_ms, events })
	    : "no plan was published: everything goes by the hub, but for what was set up by hand"));
	if (plan && plan.epoch)
		lines.push(`  plan      epoch ${plan.epoch} of ${plan.issued}`);
	return lines.join("\n");
}
