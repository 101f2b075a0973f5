// SPDX-License-Identifier: MIT
// What the collector says, asked for with the tag of what is here already: as long as it
// is the same, the same object comes back, so that a view can see that nothing changed.

const KEPT = 16; // answers; a matrix of 1,000 nodes has 4 MB
const UNKNOWN = 0xffffffff;
const kept = new Map();

export class Refused extends Error {
	constructor(status, text) {
		super(text);
		this.status = status;
	}
}

async function refusal(r, path) {
	let detail = r.statusText;

	try {
		detail = (await r.json()).detail;
	} catch {
		// A proxy in between speaks its own language.
	}
	return new Refused(r.status, `${path.split("?")[0]}: ${detail}`);
}

function matrix(bytes) {
	const view = new DataView(bytes);

	if (bytes.byteLength < 8 || view.getUint32(0) !== 0x4d4f4d58) // "MOMX"
		throw new Refused(0, "the matrix is not in the form that this page knows: " +
		    "reload the page");
	const n = view.getUint32(4, true);
	const head = JSON.parse(new TextDecoder().decode(new Uint8Array(bytes, 8, n)));
	// Browsers run on little-endian machines.
	head.cells = new Uint32Array(bytes, 8 + n);
	if (head.cells.length !== head.names.length ** 2)
		throw new Refused(0, "the matrix was cut off: reload the page");
	return head;
}

export async function get(path, signal) {
	const old = kept.get(path), headers = {};
	let r;

	if (old)
		headers["If-None-Match"] = old.tag;
	try {
		r = await fetch(path, { headers, signal, cache: "no-store" });
	} catch (e) {
		if (e.name === "AbortError")
			throw e;
		throw new Refused(0, "the collector does not answer: does it run, and is the " +
		    "overlay up? Trying again");
	}
	if (r.status === 304 && old) {
		kept.delete(path);
		kept.set(path, old);
		return old.value;
	}
	if (!r.ok)
		throw await refusal(r, path);
	const type = r.headers.get("Content-Type") || "";
	const value = type.startsWith("application/vnd.meshopt.matrix")
	    ? matrix(await r.arrayBuffer()) : await r.json();
	const tag = r.headers.get("ETag");

	kept.delete(path);
	if (tag)
		kept.set(path, { tag, value });
	if (kept.size > KEPT)
		kept.delete(kept.keys().next().value);
	return value;
}

// What is not there, such as a plan before the first one, is null.
export async function get_if_any(path, signal) {
	try {
		return await get(path, signal);
	} catch (e) {
		if (e.status === 404)
			return null;
		throw e;
	}
}

export { UNKNOWN };
