/* SPDX-License-Identifier: MIT */
/*
 * The text as lines; a section as a range of them.
 */
#include "optimizer/operate/wgconf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/mem.h"

struct line {
	const char *at;
	size_t len; /* with its newline, if it has one */
};

struct file {
	struct line *lines; /* owned */
	size_t n;
};

struct range {
	size_t begin, header, end; /* begin: of the comments above */
};

static void
split(const char *text, size_t len, struct file *f)
{
	*f = (struct file){ 0 };
	for (size_t at = 0; at < len;) {
		const char *nl = memchr(text + at, '\n', len - at);
		size_t n = nl ? (size_t)(nl - text) - at + 1 : len - at;

		if (f->n % 64 == 0)
			f->lines = mem_grow(f->lines, f->n + 64, sizeof(*f->lines));
		f->lines[f->n++] = (struct line){ text + at, n };
		at += n;
	}
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Without blanks at either end. */
static struct line
trimmed(struct line l)
{
	while (l.len && is_blank(*l.at)) {
		l.at++;
		l.len--;
	}
	while (l.len && is_blank(l.at[l.len - 1]))
		l.len--;
	return l;
}

/* Without its comment, trimmed. */
static struct line
bare(struct line l)
{
	const char *hash = l.len ? memchr(l.at, '#', l.len) : NULL;

	if (hash)
		l.len = (size_t)(hash - l.at);
	return trimmed(l);
}

static bool
is(struct line l, const char *word)
{
	return l.len == strlen(word) && strncasecmp(l.at, word, l.len) == 0;
}

static bool
is_header(struct line l)
{
	l = bare(l);
	return l.len && *l.at == '[';
}

static bool
is_comment(struct line l)
{
	l = trimmed(l);
	return l.len && *l.at == '#';
}

/* Does the line set this key?  value is what it sets it to. */
static bool
sets(struct line l, const char *key, struct line *value)
{
	const char *eq;

	l = bare(l);
	eq = l.len ? memchr(l.at, '=', l.len) : NULL;
	if (!eq || !is(trimmed((struct line){ l.at, (size_t)(eq - l.at) }), key))
		return false;
	*value = trimmed((struct line){ eq + 1, l.len - (size_t)(eq + 1 - l.at) });
	return true;
}

static bool
has_key(struct line l, const struct wgkey *key)
{
	char want[WGKEY_TEXT_MAX];
	struct line value;

	wgkey_format(key, want);
	return sets(l, "PublicKey", &value) && value.len == strlen(want) &&
	       memcmp(value.at, want, value.len) == 0;
}

/* The first section after line from; false if there is none. */
static bool
next_section(const struct file *f, size_t from, struct range *r)
{
	for (r->header = from; r->header < f->n; r->header++) {
		if (is_header(f->lines[r->header]))
			break;
	}
	if (r->header == f->n)
		return false;
	for (r->begin = r->header; r->begin > from; r->begin--) {
		if (!is_comment(f->lines[r->begin - 1]))
			break;
	}
	for (r->end = r->header + 1; r->end < f->n; r->end++) {
		if (is_header(f->lines[r->end]))
			break;
	}
	/* What is right above the next header is the next one's. */
	while (
	    r->end < f->n && r->end > r->header + 1 && is_comment(f->lines[r->end - 1]))
		r->end--;
	return true;
}

static bool
find(const struct file *f, const struct wgkey *key, struct range *r)
{
	size_t from = 0;

	while (next_section(f, from, r)) {
		bool peer = is(bare(f->lines[r->header]), "[Peer]");

		for (size_t i = r->header + 1; peer && i < r->end; i++) {
			if (has_key(f->lines[i], key))
				return true;
		}
		from = r->end;
	}
	return false;
}

bool
wgconf_has(const char *text, size_t len, const struct wgkey *key)
{
	struct file f;
	struct range r;
	bool found;

	split(text, len, &f);
	found = find(&f, key, &r);
	free(f.lines);
	return found;
}

static void
copy(const struct file *f, size_t from, size_t to, FILE *out)
{
	for (size_t i = from; i < to; i++)
		(void)fwrite(f->lines[i].at, 1, f->lines[i].len, out); /* memory */
}

static void
put_facts(const struct wgconf_peer *peer, FILE *out)
{
	char text[PREFIX_TEXT_MAX];

	if (peer->endpoint)
		fprintf(out, "Endpoint = %s\n", peer->endpoint);
	for (size_t i = 0; i < peer->n_allowed; i++) {
		prefix_format(&peer->allowed[i], text);
		fprintf(out, "%s%s", i ? ", " : "AllowedIPs = ", text);
	}
	if (peer->n_allowed)
		fputs("\n", out);
	if (peer->keepalive_s)
		fprintf(out, "PersistentKeepalive = %u\n", peer->keepalive_s);
}

static void
put_new(const struct file *f, const struct wgconf_peer *peer, FILE *out)
{
	const struct line *last = f->n ? &f->lines[f->n - 1] : NULL;
	char key[WGKEY_TEXT_MAX];

	copy(f, 0, f->n, out);
	if (last && last->at[last->len - 1] != '\n')
		fputs("\n", out);
	if (last && trimmed(*last).len)
		fputs("\n", out);
	wgkey_format(&peer->key, key);
	if (peer->name)
		fprintf(out, "# %s\n", peer->name);
	fprintf(out, "[Peer]\nPublicKey = %s\n", key);
	put_facts(peer, out);
}

/* Said again by put_facts()? */
static bool
is_replaced(struct line l, const struct wgconf_peer *peer)
{
	struct line value;

	return sets(l, "AllowedIPs", &value) ||
	       (peer->endpoint && sets(l, "Endpoint", &value)) ||
	       (peer->keepalive_s && sets(l, "PersistentKeepalive", &value));
}

static void
put_again(const struct file *f, const struct range *r, const struct wgconf_peer *peer,
    FILE *out)
{
	copy(f, 0, r->header + 1, out);
	for (size_t i = r->header + 1; i < r->end; i++) {
		const struct line *l = &f->lines[i];

		if (is_replaced(*l, peer))
			continue;
		copy(f, i, i + 1, out);
		if (!has_key(*l, &peer->key))
			continue;
		if (l->at[l->len - 1] != '\n')
			fputs("\n", out);
		put_facts(peer, out);
	}
	copy(f, r->end, f->n, out);
}

char *
wgconf_put(const char *text, size_t len, const struct wgconf_peer *peer,
    size_t *out_len)
{
	struct file f;
	struct range r;
	char *result = NULL;
	FILE *out = open_memstream(&result, out_len);

	if (!out)
		return NULL;
	split(text, len, &f);
	if (find(&f, &peer->key, &r))
		put_again(&f, &r, peer, out);
	else
		put_new(&f, peer, out);
	free(f.lines);
	if (fclose(out) == 0)
		return result;
	free(result);
	return NULL;
}

char *
wgconf_drop(const char *text, size_t len, const struct wgkey *key, size_t *out_len)
{
	struct file f;
	struct range r;
	char *result = NULL;
	FILE *out = open_memstream(&result, out_len);

	if (!out)
		return NULL;
	split(text, len, &f);
	if (find(&f, key, &r)) {
		size_t end = r.begin;

		/* The last one takes the empty lines that set it off with it. */
		while (r.end == f.n && end > 0 && !trimmed(f.lines[end - 1]).len)
			end--;
		copy(&f, 0, end, out);
		copy(&f, r.end, f.n, out);
	} else {
		copy(&f, 0, f.n, out);
	}
	free(f.lines);
	if (fclose(out) == 0)
		return result;
	free(result);
	return NULL;
}
