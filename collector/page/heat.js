// SPDX-License-Identifier: MIT
// A square heat map on a canvas, a pixel a cell in an ImageData that is then blown up:
// 1,000 by 1,000 is a million array reads, where elements of their own take seconds.

import { UNKNOWN } from "./api.js";
import { key, ramp, ramp_loss, theme, word } from "./colour.js";

const CELL_MAX = 46, LABELS_FROM = 10, PATTERN_FROM = 6;
export const LOSSY = 50000; // ppm of loss from which a cell has its colour

export class Heat {
	// canvas: to draw on; its parent says how wide it may be.
	constructor(canvas) {
		this.canvas = canvas;
		this.image = document.createElement("canvas");
		this.at = null; // the cell under the keys, [row, column]
	}

	// d: names, groups (of each place), order (place to index), cells, loss or null,
	// lo and hi of the scale, is_loss.
	show(d) {
		this.d = d;
		const n = d.order.length;
		if (this.at && (this.at[0] >= n || this.at[1] >= n))
			this.at = null;
		this.layout();
		return this.draw();
	}

	layout() {
		const n = this.d.order.length, c = this.canvas;
		const wide = Math.max(280, c.parentElement.clientWidth - 4);
		const longest = this.d.names.reduce((a, b) => Math.max(a, b.length), 0);
		const room = Math.min(150, 18 + longest * 8);

		this.cell = Math.min(CELL_MAX, Math.max(1, Math.floor((wide - 80) / n)));
		this.labels = this.cell >= LABELS_FROM;
		this.left = this.labels ? room : this.d.groups.some((g) => g) ? 80 : 6;
		this.top = this.labels ? room : 6;
		if (this.labels)
			this.cell = Math.min(CELL_MAX, Math.floor((wide - this.left - 120) / n));
		this.right = this.labels && this.d.groups.some((g) => g) ? 120 : 1;
		this.dpr = Math.min(2, window.devicePixelRatio || 1);
		c.width = (this.left + n * this.cell + this.right) * this.dpr;
		c.height = (this.top + n * this.cell + 1) * this.dpr;
		c.style.width = c.width / this.dpr + "px";
		c.style.height = c.height / this.dpr + "px";
		this.image.width = this.image.height = n;
	}

	// Milliseconds that it took.
	draw() {
		const begin = performance.now();
		const g = this.canvas.getContext("2d", { willReadFrequently: true });
		const colours = theme();

		this.paint(colours);
		g.setTransform(this.dpr, 0, 0, this.dpr, 0, 0);
		g.clearRect(0, 0, this.canvas.width, this.canvas.height);
		g.imageSmoothingEnabled = false;
		const n = this.d.order.length, size = n * this.cell;
		g.drawImage(this.image, this.left, this.top, size, size);
		if (this.cell >= PATTERN_FROM)
			this.patterns(g, colours);
		this.groups(g, colours);
		if (this.labels)
			this.names(g, colours);
		this.cursor(g, colours);
		// Reading a pixel makes the browser do it now, so that the time is all of it.
		g.getImageData(0, 0, 1, 1);
		return performance.now() - begin;
	}

	paint(colours) {
		const { order, cells, loss, lo, hi, is_loss } = this.d, n = order.length;
		const g = this.image.getContext("2d");
		const image = g.createImageData(n, n), out = new Uint32Array(image.data.buffer);
		const lut = is_loss ? ramp_loss(colours) : ramp(lo, hi);
		const stripe = word(colours.stripe), blank = word(colours.blank);
		const lossy = word(colours.loss), dead = word(colours.dead);
		const fine = this.cell < PATTERN_FROM; // else patterns() draws these
		let o = 0;

		for (let r = 0; r < n; r++) {
			const row = order[r] * n;

			for (let c = 0; c < n; c++, o++) {
				const i = row + order[c], v = cells[i], l = loss ? loss[i] : UNKNOWN;

				if (r === c)
					out[o] = blank;
				else if (l >= LOSSY && l !== UNKNOWN && (fine || l >= 1e6))
					out[o] = l >= 1e6 ? dead : lossy;
				else if (v === UNKNOWN)
					out[o] = fine && (r + c & 3) < 2 ? stripe : blank;
				else
					out[o] = lut[key(v)];
			}
		}
		g.putImageData(image, 0, 0);
	}

	// Each cell with its place on the canvas.
	each(f) {
		const { order } = this.d, n = order.length;

		for (let r = 0; r < n; r++)
			for (let c = 0; c < n; c++)
				if (r !== c)
					f(order[r] * n + order[c], this.left + c * this.cell,
					    this.top + r * this.cell);
	}

	patterns(g, colours) {
		const { cells, loss } = this.d, s = this.cell;

		g.lineWidth = 1.5;
		this.each((i, x, y) => {
			const l = loss ? loss[i] : UNKNOWN;

			if (l !== UNKNOWN && l >= 1e6) {
				g.strokeStyle = "#ffffff";
				g.beginPath();
				g.moveTo(x + s * 0.3, y + s * 0.3);
				g.lineTo(x + s * 0.7, y + s * 0.7);
				g.moveTo(x + s * 0.7, y + s * 0.3);
				g.lineTo(x + s * 0.3, y + s * 0.7);
				g.stroke();
			} else if (cells[i] === UNKNOWN) {
				g.strokeStyle = colours.stripe;
				g.beginPath();
				for (let k = s / 3; k <= s * 2; k += s / 3) {
					g.moveTo(x + Math.max(0, k - s), y + Math.min(k, s));
					g.lineTo(x + Math.min(k, s), y + Math.max(0, k - s));
				}
				g.stroke();
			} else if (l !== UNKNOWN && l >= LOSSY) {
				g.fillStyle = colours.loss;
				g.strokeStyle = "#ffffff";
				g.beginPath();
				g.moveTo(x + s * 0.35, y);
				g.lineTo(x + s, y);
				g.lineTo(x + s, y + s * 0.65);
				g.closePath();
				g.fill();
				g.stroke();
			}
		});
		g.strokeStyle = colours.panel;
		g.lineWidth = 1;
		g.beginPath();
		for (let k = 0, n = this.d.order.length; k <= n; k++) {
			g.moveTo(this.left + k * s + 0.5, this.top);
			g.lineTo(this.left + k * s + 0.5, this.top + n * s);
			g.moveTo(this.left, this.top + k * s + 0.5);
			g.lineTo(this.left + n * s, this.top + k * s + 0.5);
		}
		g.stroke();
	}

	groups(g, colours) {
		const { groups } = this.d, n = groups.length, s = this.cell;

		g.font = "11px system-ui, sans-serif";
		g.fillStyle = colours.dim;
		g.textBaseline = "middle";
		for (let from = 0; from < n;) {
			let to = from;

			while (to < n && groups[to] === groups[from])
				to++;
			g.textAlign = this.labels ? "left" : "right";
			if ((to - from) * s >= 12)
				g.fillText(groups[from], this.labels ? this.left + n * s + 8 : this.left - 6,
				    this.top + (from + to) / 2 * s, this.right > 1 ? this.right - 10 : 74);
			if (from > 0) {
				g.fillStyle = colours.ink;
				g.globalAlpha = 0.7;
				g.fillRect(this.left - 4, this.top + from * s, n * s + 4, 1);
				g.fillRect(this.left + from * s, this.top - 4, 1, n * s + 4);
				g.globalAlpha = 1;
				g.fillStyle = colours.dim;
			}
			from = to;
		}
	}

	names(g, colours) {
		const { names, order } = this.d, s = this.cell;

		g.font = Math.min(13, s) + "px system-ui, sans-serif";
		g.fillStyle = colours.ink;
		g.textBaseline = "middle";
		order.forEach((i, k) => {
			g.textAlign = "right";
			g.fillText(names[i], this.left - 6, this.top + (k + 0.5) * s);
			g.save();
			g.translate(this.left + (k + 0.5) * s, this.top - 6);
			g.rotate(-Math.PI / 2);
			g.textAlign = "left";
			g.fillText(names[i], 0, 0);
			g.restore();
		});
	}

	cursor(g, colours) {
		if (!this.at)
			return;
		const s = Math.max(this.cell, 5), off = (s - this.cell) / 2;
		const x = this.left + this.at[1] * this.cell - off;
		const y = this.top + this.at[0] * this.cell - off;

		g.strokeStyle = colours.ink;
		g.lineWidth = 5;
		g.strokeRect(x, y, s, s);
		g.strokeStyle = colours.panel;
		g.lineWidth = 2;
		g.strokeRect(x, y, s, s);
	}

	// The cell under a mouse event, [row, column], or null.
	find(event) {
		const box = this.canvas.getBoundingClientRect(), n = this.d.order.length;
		const c = Math.floor((event.clientX - box.left - this.left) / this.cell);
		const r = Math.floor((event.clientY - box.top - this.top) / this.cell);

		return r >= 0 && c >= 0 && r < n && c < n ? [r, c] : null;
	}

	// Middle of a cell in the window, for what the keys show.
	spot([r, c]) {
		const box = this.canvas.getBoundingClientRect();

		return [box.left + this.left + (c + 0.5) * this.cell,
			box.top + this.top + (r + 0.5) * this.cell];
	}
}
