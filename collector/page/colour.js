// SPDX-License-Identifier: MIT
// Colours by figure. The scale runs from dark blue over green to yellow with rising
// lightness, which all kinds of colour blindness keep; loss is magenta, far from all of it.

const STOPS = [[40, 22, 78], [46, 58, 122], [38, 98, 138], [32, 138, 135], [70, 176, 110],
	[150, 205, 70], [240, 228, 60]];

export function scale(t) {
	const x = Math.min(1, Math.max(0, t)) * (STOPS.length - 1);
	const i = Math.min(STOPS.length - 2, Math.floor(x)), f = x - i;

	return STOPS[i].map((c, k) => Math.round(c + (STOPS[i + 1][k] - c) * f));
}

export const css = (rgb) => `rgb(${rgb[0]},${rgb[1]},${rgb[2]})`;

export function theme() {
	const s = getComputedStyle(document.documentElement), out = {};

	for (const k of ["bg", "panel", "ink", "dim", "line", "accent", "hub", "direct", "public",
		"loss", "dead", "stripe", "blank"])
		out[k] = s.getPropertyValue("--" + k).trim();
	return out;
}

// "#rrggbb" to what an ImageData of a little-endian machine has in 32 bits.
export function word(hex) {
	const v = parseInt(hex.slice(1), 16);

	return (0xff000000 | (v & 0xff) << 16 | (v & 0xff00) | v >>> 16) >>> 0;
}

const pack = (rgb) => (0xff000000 | rgb[2] << 16 | rgb[1] << 8 | rgb[0]) >>> 0;

// 1, 2 or 5 times a power of ten, at or below x; at or above it with up.
export function round125(x, up) {
	const p = 10 ** Math.floor(Math.log10(x));
	const steps = [1, 2, 5, 10].map((k) => k * p);

	return up ? steps.find((s) => s >= x * 0.999) : steps.findLast((s) => s <= x * 1.001);
}

export const place = (v, lo, hi) => Math.log(v / lo) / Math.log(hi / lo);

// Sixteen keys an octave: a table look-up in place of a logarithm a cell.
export const KEYS = 464;
export function key(v) {
	if (v < 16)
		return v;
	const e = 31 - Math.clz32(v);
	return (e - 3) << 4 | (v >>> (e - 4)) & 15;
}

function of_key(k) {
	if (k < 16)
		return k;
	return (16 + (k & 15) + 0.5) * 2 ** ((k >> 4) - 1);
}

// Words by key(), for values from lo to hi.
export function ramp(lo, hi) {
	const out = new Uint32Array(KEYS);

	for (let k = 0; k < KEYS; k++)
		out[k] = pack(scale(place(Math.max(of_key(k), 1), lo, hi)));
	return out;
}

// For loss in ppm: from nothing to the colour of loss, small ones to be seen as well.
export function ramp_loss(colours) {
	const to = parseInt(colours.loss.slice(1), 16), from = parseInt(colours.blank.slice(1), 16);
	const out = new Uint32Array(KEYS);

	for (let k = 0; k < KEYS; k++) {
		const t = k ? 0.2 + 0.8 * Math.sqrt(Math.min(1, of_key(k) / 1e6)) : 0;
		const mix = (s) => Math.round((from >> s & 255) * (1 - t) + (to >> s & 255) * t);

		out[k] = pack([mix(16), mix(8), mix(0)]);
	}
	return out;
}
