/* SPDX-License-Identifier: MIT */
/*
 * The assembler takes the files in (.incbin): gcc 12 has no #embed.  They are gzip from
 * the build on and are sent as they lie; who does not take gzip is rare, and gets them
 * inflated each time.  The tag is FNV-1a over the packed bytes, and says which of the
 * two representations it is of, as in answer.c.
 */
#include "collector/api_page.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "common/log.h"
#include "common/mem.h"

#include "collector/answer.h"
#include "collector/api_reply.h"

#define HTML "text/html; charset=utf-8"
#define CSS  "text/css; charset=utf-8"
#define JS   "text/javascript; charset=utf-8"
#define SVG  "image/svg+xml"

/* What inflateInit2() wants for gzip and the largest window. */
#define GZIP_WINDOW (15 + 16)
/* The last four bytes of gzip are the plain length (RFC 1952, 2.3.1). */
#define GZIP_TAIL 4

/* symbol, name, type */
/* clang-format off */
#define FILES(F)                        \
	F(index, "index.html", HTML)    \
	F(style, "style.css", CSS)      \
	F(icon, "icon.svg", SVG)        \
	F(app, "app.js", JS)            \
	F(api, "api.js", JS)            \
	F(colour, "colour.js", JS)      \
	F(dom, "dom.js", JS)            \
	F(events, "events.js", JS)      \
	F(heat, "heat.js", JS)          \
	F(map, "map.js", JS)            \
	F(matrix, "matrix.js", JS)      \
	F(nodes, "nodes.js", JS)        \
	F(pair, "pair.js", JS)          \
	F(plan, "plan.js", JS)          \
	F(smoke, "smoke.js", JS)        \
	F(why, "why.js", JS)

#define EMBED(symbol, name, type)                                     \
	__asm__(".pushsection .rodata\n"                              \
		"page_" #symbol ":\n.incbin \"" name ".gz\"\n"        \
		"page_" #symbol "_end:\n.popsection\n");              \
	extern const unsigned char page_##symbol[], page_##symbol##_end[];
FILES(EMBED)

static const struct file {
	const char *name, *type;
	const unsigned char *bytes, *end;
} files[] = {
#define ROW(symbol, name, type) { name, type, page_##symbol, page_##symbol##_end },
	FILES(ROW)
};

/* Nothing from elsewhere, nothing inline, in nobody's frame. */
static const struct http_header headers[] = {
	{ "Content-Security-Policy",
	    "default-src 'none'; script-src 'self'; style-src 'self'; "
	    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; "
	    "form-action 'none'; frame-ancestors 'none'" },
	{ "Referrer-Policy", "no-referrer" },
	{ NULL, NULL },
};

static uint64_t
hash(const struct file *file)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (const unsigned char *p = file->bytes; p < file->end; p++)
		h = (h ^ *p) * UINT64_C(0x100000001b3);
	return h;
}

static void
inflate_file(const struct file *file, struct http_response *response)
{
	const unsigned char *tail = file->end - GZIP_TAIL;
	z_stream z = { .next_in = (Bytef *)(uintptr_t)file->bytes, /* only read */
		.avail_in = (uInt)(file->end - file->bytes) };
	int r = inflateInit2(&z, GZIP_WINDOW);

	response->len = (size_t)tail[0] | (size_t)tail[1] << 8 | (size_t)tail[2] << 16 |
			(size_t)tail[3] << 24;
	response->body = mem_alloc(response->len);
	z.next_out = (Bytef *)response->body;
	z.avail_out = (uInt)response->len;
	/* What the build packed unpacks; all that can be missing is memory. */
	if (r != Z_OK || inflate(&z, Z_FINISH) != Z_STREAM_END)
		log_die("out of memory");
	(void)inflateEnd(&z); /* has nothing to say after the end of the stream */
}

static void
send_file(struct http_request *request, const struct file *file)
{
	struct http_response response = { .status = 200,
		.type = file->type,
		.negotiated = true,
		.more = headers };
	bool gzip = answer_gzip(request->accept_encoding);

	(void)snprintf(response.etag, sizeof(response.etag), "\"%016llx%s\"",
	    (unsigned long long)hash(file), gzip ? "-gz" : ""); /* fits */
	if (answer_match(request->if_none_match, response.etag)) {
		response.status = 304;
	} else if (gzip) {
		response.gzip = true;
		response.len = (size_t)(file->end - file->bytes);
		response.body = mem_alloc(response.len);
		memcpy(response.body, file->bytes, response.len);
	} else {
		inflate_file(file, &response);
	}
	http_reply(request, &response);
}

void
api_page_get(struct http_request *request, const char *name)
{
	if (!*name)
		name = files[0].name;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		if (strcmp(name, files[i].name) == 0) {
			send_file(request, &files[i]);
			return;
		}
	}
	api_reply_error(request, 404, "no such file of the page: try /");
}
