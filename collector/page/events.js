// SPDX-License-Identifier: MIT
// What nodes told of, newest first.

import { get } from "./api.js";
import { clock, h, select, state, table } from "./dom.js";

const LIMIT = 500;

export function list_of(ctx, events, caption) {
	return table(caption, ["when", "node", "kind", "about", "what"], events.map((e) => [
	    clock(e.at), e.node, state(e.kind), e.peer
		? h("a", { href: ctx.href("pair", { src: e.node, dst: e.peer }) }, e.peer) : "",
	    e.text]));
}

export function create(root, ctx) {
	const since = select("since", "since", [["1h", "1 hour"], ["24h", "24 hours"],
		["7d", "7 days"], ["30d", "30 days"]], (v) => ctx.set({ since: v }));
	const node = select("node", "node", [["", "all"], ...ctx.mesh.nodes.map((n) => n.name).sort()],
	    (v) => ctx.set({ node: v }));
	const kind = select("kind", "kind", [["", "all"]], (v) => ctx.set({ kind: v }));
	const out = h("div");
	let old = null;

	root.append(h("div", { class: "controls" }, since.wrap, node.wrap, kind.wrap), out);

	async function refresh(p, signal) {
		since.value = p.since || "7d";
		node.value = p.node || "";
		const d = await get(`api/v1/events?since=${since.value}&limit=${LIMIT}` +
		    (node.value ? `&node=${encodeURIComponent(node.value)}` : ""), signal);
		if (old && old[0] === d && old[1] === (p.kind || ""))
			return;
		old = [d, p.kind || ""];
		const kinds = [...new Set([p.kind || "", ...d.events.map((e) => e.kind)])]
		    .filter(Boolean).sort();
		kind.replaceChildren(...["", ...kinds].map((k) => h("option", { value: k }, k || "all")));
		kind.value = p.kind || "";
		const list = d.events.filter((e) => !p.kind || e.kind === p.kind);
		out.replaceChildren(list.length
		    ? list_of(ctx, list, `${list.length} events` +
			(d.events.length === LIMIT ? `, the newest ${LIMIT} of that time` : ""))
		    : h("p", { class: "note" }, "No events in this time. Nodes tell of switches and " +
			"refusals once meshopt-agent runs on them; a longer time may show older ones."));
	}

	return { refresh };
}
