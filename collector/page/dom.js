// SPDX-License-Identifier: MIT
// Elements in one expression, and figures in words. Text only ever becomes a text node.

function fill(el, props, children) {
	for (const [k, v] of Object.entries(props || {})) {
		if (v === undefined || v === null || v === false)
			continue;
		if (k.startsWith("on"))
			el.addEventListener(k.slice(2), v);
		else
			el.setAttribute(k, v === true ? "" : v);
	}
	for (const c of children.flat(Infinity))
		if (c !== null && c !== undefined && c !== false)
			el.append(c);
	return el;
}

export function h(tag, props, ...children) {
	return fill(document.createElement(tag), props, children);
}

export function svg(tag, props, ...children) {
	return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), props, children);
}

export function select(label, name, choices, onchange) {
	const box = h("select", { name, onchange: () => onchange(box.value) },
	    choices.map((c) => Array.isArray(c) ? h("option", { value: c[0] }, c[1])
		: h("option", { value: c }, c)));

	box.wrap = h("label", {}, label, box);
	return box;
}

export function tick(label, name, onchange) {
	const box = h("input", { type: "checkbox", name, onchange: () => onchange(box.checked) });

	box.wrap = h("label", { class: "tick" }, box, label);
	return box;
}

export function state(word) {
	return h("span", { class: "state " + String(word).replace(/[^a-z]/g, "") }, word);
}

export function table(caption, heads, rows) {
	// A head that ends in "#" is of figures.
	const n = heads.map((x) => x.endsWith("#") ? "n" : null);

	return h("div", { class: "scroll" }, h("table", {}, h("caption", {}, caption),
	    h("thead", {}, h("tr", {}, heads.map((x, i) =>
		h("th", { scope: "col", class: n[i] }, x.replace(/#$/, ""))))),
	    h("tbody", {}, rows.map((r) => h("tr", {}, r.map((c, i) =>
		h("td", { class: n[i] }, c)))))));
}

export const ms = (x) => x === null || x === undefined ? "unknown"
    : (x < 10 ? x.toFixed(2) : x.toFixed(1)) + " ms";
export const percent = (x) => x === null || x === undefined ? "unknown"
    : (x * 100).toFixed(x > 0 && x < 0.1 ? 1 : 0) + " %";
export const clock = (t) => new Date(t).toISOString().slice(0, 19).replace("T", " ") + "Z";

export function ago(s) {
	if (s === null || s === undefined)
		return "";
	if (s < 0)
		return "in " + span(-s);
	return span(s) + " ago";
}

export function span(s) {
	return s < 100 ? s.toFixed(0) + " s" : s < 6000 ? (s / 60).toFixed(0) + " min"
	    : s < 172800 ? (s / 3600).toFixed(0) + " h" : (s / 86400).toFixed(0) + " d";
}

const tip = () => document.getElementById("tip");

export function show_tip(x, y, text) {
	const box = tip();

	box.textContent = text;
	box.hidden = false;
	const w = box.offsetWidth, hgt = box.offsetHeight;
	box.style.left = Math.max(4, x + 14 + w > innerWidth ? x - w - 14 : x + 14) + "px";
	box.style.top = Math.max(4, y + 14 + hgt > innerHeight ? y - hgt - 14 : y + 14) + "px";
}

export function hide_tip() {
	tip().hidden = true;
}
