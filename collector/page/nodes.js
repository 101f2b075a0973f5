// SPDX-License-Identifier: MIT
// The nodes as reporters: the silent ones first, and why they are.

import { get } from "./api.js";
import { ago, h, select, span, state, table } from "./dom.js";

const RANK = { never: 0, late: 1, reporting: 2 };

export function create(root, ctx) {
	const show = select("show", "show", [["all", "all"], ["silent", "silent ones"]],
	    (v) => ctx.set({ show: v }));
	const name = h("input", { name: "name", type: "search", size: "14",
		oninput: () => ctx.set({ name: name.value }) });
	const out = h("div");
	let old = null;

	root.append(h("div", { class: "controls" }, show.wrap,
	    h("label", {}, "name has", name)), out);

	async function refresh(p, signal) {
		const d = await get("api/v1/nodes", signal);
		const key = JSON.stringify(p);

		show.value = p.show || "all";
		if (document.activeElement !== name)
			name.value = p.name || "";
		if (old && old[0] === d && old[1] === key)
			return;
		old = [d, key];
		const region = new Map(ctx.mesh.nodes.map((x) => [x.name, x.region || ""]));
		const list = d.nodes.filter((n) => n.name.includes(p.name || "") &&
		    (p.show !== "silent" || n.state !== "reporting"));
		list.sort((a, b) => RANK[a.state] - RANK[b.state] || (a.name < b.name ? -1 : 1));
		const heard = d.nodes.filter((n) => n.state === "reporting").length;
		out.replaceChildren(table(`${heard} of ${d.nodes.length} nodes report`,
		    ["node", "role", "region", "address", "state", "last report", "window#", "skew#",
			"stamp", "prober", "reports#", "gaps#", "refused#", "why"],
		    list.map((n) => [h("strong", {}, n.name), n.role, region.get(n.name), n.address,
			state(n.state), ago(n.age_s), n.length_s ? span(n.length_s) : "",
			n.skew_s === undefined ? "" : n.skew_s.toFixed(2) + " s", n.stamp || "",
			n.version || "", n.reports, n.gaps, n.refused,
			[n.why, n.refused_reason && `refused: ${n.refused_reason}`]
			    .filter(Boolean).join("; ")])));
	}

	return { refresh };
}
