// SPDX-License-Identifier: MIT
// Smoke: of each path the median as a line in the cloud of p5 to p95 (darker: p25 to p75),
// below it a lane a path with the loss, and the events as lines across.

import { round125, theme } from "./colour.js";

const LEFT = 56, RIGHT = 12, TOP = 16, LANE = 12, AXIS = 22;
export const PATHS = ["hub", "public", "direct"]; // the last one is on top

export class Smoke {
	constructor(canvas) {
		this.canvas = canvas;
	}

	// d: from, to, step (s), paths: { name: points }, events: [{ t, kind }]
	show(d) {
		const gaps = Object.values(d.paths).flatMap((list) => list.slice(1).map((q, i) => q.t - list[i].t));

		// Reports come more seldom than the steps that the collector offers: what is
		// drawn is as wide as the time from one to the next.
		gaps.sort((a, b) => a - b);
		this.d = { ...d, step: Math.max(d.step, gaps[gaps.length >> 1] || 0) };
		this.draw();
	}

	x(t) {
		const { from, to } = this.d;

		return LEFT + (t - from) / (to - from) * (this.w - LEFT - RIGHT);
	}

	y(v) {
		return this.low - v / this.max * (this.low - TOP);
	}

	draw() {
		const c = this.canvas, g = c.getContext("2d"), colours = theme();
		const dpr = Math.min(2, window.devicePixelRatio || 1);
		const used = PATHS.filter((p) => (this.d.paths[p] || []).length);

		this.w = Math.max(320, c.parentElement.clientWidth - 2);
		this.h = 380;
		c.width = this.w * dpr;
		c.height = this.h * dpr;
		c.style.width = this.w + "px";
		c.style.height = this.h + "px";
		g.setTransform(dpr, 0, 0, dpr, 0, 0);
		this.low = this.h - AXIS - used.length * LANE - 6;
		this.max = 1;
		for (const p of used)
			for (const q of this.d.paths[p])
				this.max = Math.max(this.max, (q.p95_ms || 0) * 1.06);
		this.axes(g, colours);
		for (const p of used)
			this.path(g, this.d.paths[p], colours[p]);
		used.forEach((p, i) => this.lane(g, p, this.low + 6 + i * LANE, colours));
		this.marks(g, colours);
	}

	axes(g, colours) {
		const step = round125(this.max / 5, true), { from, to } = this.d;
		const spans = [60, 300, 600, 1800, 3600, 3 * 3600, 6 * 3600, 86400, 7 * 86400];
		const every = spans.find((s) => (to - from) / s <= this.w / 90) || 30 * 86400;

		g.font = "11px system-ui, sans-serif";
		g.lineWidth = 1;
		g.textBaseline = "middle";
		g.textAlign = "right";
		for (let v = 0; v <= this.max; v += step) {
			g.fillStyle = colours.line;
			g.fillRect(LEFT, Math.round(this.y(v)), this.w - LEFT - RIGHT, 1);
			g.fillStyle = colours.dim;
			g.fillText(`${+v.toPrecision(3)} ms`, LEFT - 6, this.y(v));
		}
		g.textAlign = "center";
		for (let t = Math.ceil(from / every) * every; t <= to; t += every) {
			const text = new Date(t * 1000).toISOString();

			g.fillStyle = colours.line;
			g.fillRect(Math.round(this.x(t)), TOP, 1, this.h - AXIS - TOP);
			g.fillStyle = colours.dim;
			g.fillText(every >= 86400 ? text.slice(5, 10) : text.slice(11, 16), this.x(t),
			    this.h - AXIS / 2);
		}
	}

	// Runs without a gap of more than two steps.
	runs(points) {
		const out = [];
		let run = [];

		for (const q of points) {
			if (q.p50_ms === undefined)
				continue;
			if (run.length && q.t - run[run.length - 1].t > 2.5 * this.d.step) {
				out.push(run);
				run = [];
			}
			run.push(q);
		}
		if (run.length)
			out.push(run);
		return out;
	}

	path(g, points, colour) {
		const mid = (q) => this.x(q.t + this.d.step / 2);
		const half = Math.max(1, (this.x(this.d.from + this.d.step) - LEFT) / 2);
		const band = (run, lo, hi) => {
			const first = run[0], last = run[run.length - 1];

			g.beginPath();
			g.moveTo(mid(first) - half, this.y(first[hi]));
			run.forEach((q) => g.lineTo(mid(q), this.y(q[hi])));
			g.lineTo(mid(last) + half, this.y(last[hi]));
			g.lineTo(mid(last) + half, this.y(last[lo]));
			run.toReversed().forEach((q) => g.lineTo(mid(q), this.y(q[lo])));
			g.lineTo(mid(first) - half, this.y(first[lo]));
			g.fill();
		};

		g.fillStyle = g.strokeStyle = colour;
		for (const run of this.runs(points)) {
			g.globalAlpha = 0.18;
			band(run, "p5_ms", "p95_ms");
			g.globalAlpha = 0.3;
			band(run, "p25_ms", "p75_ms");
			g.globalAlpha = 1;
			g.lineWidth = 2;
			g.beginPath();
			g.moveTo(mid(run[0]) - half, this.y(run[0].p50_ms));
			run.forEach((q) => g.lineTo(mid(q), this.y(q.p50_ms)));
			g.lineTo(mid(run[run.length - 1]) + half, this.y(run[run.length - 1].p50_ms));
			g.stroke();
		}
	}

	lane(g, path, y, colours) {
		const wide = Math.max(1, this.x(this.d.from + this.d.step) - LEFT);

		g.fillStyle = colours.blank;
		g.fillRect(LEFT, y, this.w - LEFT - RIGHT, LANE - 3);
		g.fillStyle = colours[path];
		g.textAlign = "right";
		g.fillText(path, LEFT - 6, y + LANE / 2);
		for (const q of this.d.paths[path]) {
			const loss = q.sent ? q.lost / q.sent : 0;

			g.globalAlpha = loss ? 0.35 + 0.65 * Math.sqrt(loss) : 0.3;
			g.fillStyle = loss ? colours.loss : colours[path];
			g.fillRect(this.x(q.t), y, wide, LANE - 3);
		}
		g.globalAlpha = 1;
	}

	marks(g, colours) {
		g.strokeStyle = colours.ink;
		g.fillStyle = colours.ink;
		g.textAlign = "left";
		for (const e of this.d.events) {
			const x = Math.round(this.x(e.t)) + 0.5;

			if (e.t < this.d.from || e.t > this.d.to)
				continue;
			g.setLineDash([4, 3]);
			g.beginPath();
			g.moveTo(x, TOP - 4);
			g.lineTo(x, this.low);
			g.stroke();
			g.setLineDash([]);
			g.fillText(e.kind, Math.min(x + 3, this.w - 60), 7);
		}
	}

	// Time under a mouse event, s.
	time(event) {
		const box = this.canvas.getBoundingClientRect(), { from, to } = this.d;

		return from + (event.clientX - box.left - LEFT) / (this.w - LEFT - RIGHT) * (to - from);
	}
}
