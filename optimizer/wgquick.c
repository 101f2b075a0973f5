/* SPDX-License-Identifier: MIT */
#include "optimizer/wgquick.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/conf.h"
#include "common/mem.h"
#include "common/num.h"

#define LINES_MAX 10000 /* of text that is kept, a section */
#define ADDRS_MAX 16

struct parse {
	struct conf conf;
	struct wgquick *w;
	struct wgquick_peer *peer; /* NULL in [Interface] */
	bool begun;		   /* the section has had a key */
	/* Comments that stand above the next section. */
	char label[WGQUICK_LABEL_MAX];
	bool friendly;
	struct wgquick_lines said;
	struct err *err;
};

typedef const char *set_fn(struct parse *p, const char *value);

void
wgquick_add_line(struct wgquick_lines *lines, const char *text)
{
	lines->line = mem_grow(lines->line, lines->n + 1, sizeof(*lines->line));
	lines->line[lines->n++] = mem_strdup(text);
}

static void
free_lines(struct wgquick_lines *lines)
{
	for (size_t i = 0; i < lines->n; i++)
		free(lines->line[i]);
	free(lines->line);
	*lines = (struct wgquick_lines){ 0 };
}

struct wgquick_peer *
wgquick_add_peer(struct wgquick *w)
{
	struct wgquick_peer *peer;

	w->peers = mem_grow(w->peers, w->n_peers + 1, sizeof(*w->peers));
	peer = &w->peers[w->n_peers++];
	memset(peer, 0, sizeof(*peer));
	return peer;
}

int
wgquick_prefixes(const char *value, bool masked, struct prefix **list, size_t *n)
{
	char text[PREFIX_TEXT_MAX];
	struct prefix p;
	size_t len, end;

	for (;; value += end + 1) {
		value += strspn(value, " \t");
		end = len = strcspn(value, ",");
		while (len > 0 && isspace((unsigned char)value[len - 1]))
			len--;
		if (len >= sizeof(text) || *n >= MESH_ALLOWED_MAX)
			return -EINVAL;
		memcpy(text, value, len);
		text[len] = '\0';
		if (prefix_parse(text, &p) < 0)
			return -EINVAL;
		*list = mem_grow(*list, *n + 1, sizeof(**list));
		(*list)[(*n)++] = masked ? prefix_masked(&p) : p;
		if (!value[end])
			return 0;
	}
}

static const char *
set_private(struct parse *p, const char *value)
{
	struct wgkey key;
	int r = wgkey_parse(value, &key);

	if (r == 0 && wgkey_public(&key, &p->w->key) == 0)
		p->w->has_key = true;
	wgkey_wipe(&key);
	return p->w->has_key ? NULL : "a private key, 44 characters of base64";
}

static const char *
set_address(struct parse *p, const char *value)
{
	return wgquick_prefixes(value, false, &p->w->address, &p->w->n_address) < 0 ||
		       p->w->n_address > ADDRS_MAX
		   ? "up to 16 addresses such as 10.50.5.1/24"
		   : NULL;
}

static const char *
set_port(struct parse *p, const char *value)
{
	uint32_t n;

	if (num_u32(value, 0, 65535, &n) < 0)
		return "a port, 0 to 65535";
	p->w->port = (uint16_t)n;
	return NULL;
}

static const char *
set_mtu(struct parse *p, const char *value)
{
	uint32_t n;

	if (num_u32(value, 576, 65535, &n) < 0)
		return "an MTU, 576 to 65535";
	p->w->mtu = (uint16_t)n;
	return NULL;
}

/* No word for it in a mesh file: it stays as text. */
static const char *
keep(struct parse *p, const char *value)
{
	struct wgquick_lines *kept = p->peer ? &p->peer->kept : &p->w->kept;
	char *text = NULL;

	if (kept->n == LINES_MAX)
		return "one of the first 10000 of its kind";
	if (asprintf(&text, "%s = %s", p->conf.key, value) < 0)
		abort(); /* of memory: as mem_alloc() does */
	wgquick_add_line(kept, text);
	free(text);
	return NULL;
}

static const char *
set_public(struct parse *p, const char *value)
{
	return wgkey_parse(value, &p->peer->key) < 0
		   ? "a public key, 44 characters of base64"
		   : NULL;
}

/* A secret between two nodes: that there is one is said, and nothing more. */
static const char *
set_preshared(struct parse *p, const char *value)
{
	struct wgkey key;
	bool none;

	if (wgkey_parse(value, &key) < 0)
		return "a preshared key, 44 characters of base64";
	none = wgkey_is_zero(&key);
	wgkey_wipe(&key);
	return none ? NULL : keep(p, "(a secret, which a mesh file does not hold)");
}

static const char *
set_allowed(struct parse *p, const char *value)
{
	return wgquick_prefixes(value, true, &p->peer->allowed, &p->peer->n_allowed) < 0
		   ? "up to 64 prefixes such as 10.50.5.0/24, separated by commas"
		   : NULL;
}

static const char *
set_endpoint(struct parse *p, const char *value)
{
	return endpoint_parse(value, &p->peer->endpoint) < 0
		   ? "address:port, [address]:port or name:port"
		   : NULL;
}

static const char *
set_keepalive(struct parse *p, const char *value)
{
	uint32_t n = 0;

	if (strcasecmp(value, "off") != 0 && num_u32(value, 0, 65535, &n) < 0)
		return "seconds, 0 to 65535, or off";
	p->peer->has_keepalive = true;
	p->peer->keepalive_s = (uint16_t)n;
	return NULL;
}

static const struct key {
	const char *name;
	set_fn *set;
	bool repeats;
} interface_keys[] = {
	{ "PrivateKey", set_private, false },
	{ "Address", set_address, true },
	{ "ListenPort", set_port, false },
	{ "MTU", set_mtu, false },
	{ "DNS", keep, true },
	{ "Table", keep, false },
	{ "FwMark", keep, false },
	{ "SaveConfig", keep, false },
	{ "PreUp", keep, true },
	{ "PostUp", keep, true },
	{ "PreDown", keep, true },
	{ "PostDown", keep, true },
	{ NULL, NULL, false },
};

static const struct key peer_keys[] = {
	{ "PublicKey", set_public, false },
	{ "PresharedKey", set_preshared, false },
	{ "AllowedIPs", set_allowed, true },
	{ "Endpoint", set_endpoint, false },
	{ "PersistentKeepalive", set_keepalive, false },
	{ NULL, NULL, false },
};

static int
take_key(struct parse *p)
{
	const struct key *keys = p->peer ? peer_keys : interface_keys;
	uint32_t *seen = p->peer ? &p->peer->seen : &p->w->seen;
	const struct conf *c = &p->conf;
	const char *want;

	p->begun = true;
	for (size_t i = 0; keys[i].name; i++) {
		if (strcasecmp(c->key, keys[i].name) != 0)
			continue;
		if (!keys[i].repeats && (*seen & (1u << i)))
			return err_set(p->err, "%s:%u: %s is said twice", c->name,
			    c->line, keys[i].name);
		*seen |= 1u << i;
		want = keys[i].set(p, c->value);
		if (!want)
			return 0;
		/* What should be a key may be one, with a typing error: not shown. */
		if (keys[i].set == set_private || keys[i].set == set_preshared)
			return err_set(p->err, "%s:%u: %s is not %s", c->name, c->line,
			    keys[i].name, want);
		return err_set(p->err, "%s:%u: %s: \"%.80s\" is not %s", c->name,
		    c->line, keys[i].name, c->value, want);
	}
	return err_set(p->err,
	    "%s:%u: %.80s is not a key that wg-quick has in [%s]; take it out, or "
	    "make it a comment",
	    c->name, c->line, c->key, c->section);
}

/* "#: Key = Value" belongs to what follows, another comment names it. */
static void
take_comment(struct parse *p)
{
	static const char friendly[] = "friendly_name";
	const char *text = p->conf.value;
	bool inside = p->peer && !p->begun;
	char *label = inside ? p->peer->label : p->label;
	bool *is_friendly = inside ? &p->peer->friendly : &p->friendly;

	if (*text == ':') {
		struct wgquick_lines *said = inside ? &p->peer->said : &p->said;

		text += 1 + strspn(text + 1, " \t");
		if (said->n < LINES_MAX)
			wgquick_add_line(said, text);
		return;
	}
	if (strncasecmp(text, friendly, sizeof(friendly) - 1) == 0) {
		const char *value = text + sizeof(friendly) - 1;

		value += strspn(value, " \t");
		if (*value != '=')
			return;
		value++;
		value += strspn(value, " \t");
		(void)snprintf(label, WGQUICK_LABEL_MAX, "%s", value); /* cut is fine */
		*is_friendly = true;
	} else if (!*is_friendly && (!inside || !*label)) {
		(void)snprintf(label, WGQUICK_LABEL_MAX, "%s", text); /* cut is fine */
	}
}

/* Comments above a section go to it; what stands above a key was about that key. */
static void
give_comments(struct parse *p)
{
	if (p->peer) {
		memcpy(p->peer->label, p->label, sizeof(p->label));
		p->peer->friendly = p->friendly;
		p->peer->said = p->said;
	} else {
		p->w->said = p->said;
	}
	p->said = (struct wgquick_lines){ 0 };
	p->label[0] = '\0';
	p->friendly = false;
}

static int
begin_section(struct parse *p)
{
	const struct conf *c = &p->conf;
	bool interface = strcasecmp(c->section, "Interface") == 0;

	if (!interface && strcasecmp(c->section, "Peer") != 0)
		return err_set(p->err,
		    "%s:%u: [%s] is not a section; there are [Interface] and [Peer]",
		    c->name, c->line, c->section);
	if (interface && p->w->line)
		return err_set(p->err,
		    "%s:%u: a second [Interface], the first is in line %u", c->name,
		    c->line, p->w->line);
	if (!interface && p->w->n_peers == MESH_NODES_MAX)
		return err_set(p->err, "%s:%u: more than %d peers", c->name, c->line,
		    MESH_NODES_MAX);
	p->peer = interface ? NULL : wgquick_add_peer(p->w);
	p->begun = false;
	if (interface)
		p->w->line = c->line;
	else
		p->peer->line = c->line;
	give_comments(p);
	return 0;
}

static int
read_conf(FILE *in, const char *name, struct wgquick *out, struct err *err)
{
	struct parse *p = mem_alloc(sizeof(*p));
	int r;

	p->w = out;
	p->err = err;
	conf_init(&p->conf, in, name);
	p->conf.comments = true;
	while ((r = conf_next(&p->conf, err)) > CONF_END) {
		if (r == CONF_SECTION) {
			r = begin_section(p);
		} else if (r == CONF_COMMENT) {
			take_comment(p);
			continue;
		} else {
			r = take_key(p);
			p->label[0] = '\0';
			p->friendly = false;
		}
		if (r < 0)
			break;
	}
	/* `wg showconf` knows no Address; a wg-quick file without one is of no use. */
	out->running = out->line && !out->n_address;
	if (r == 0 && !out->line && !out->n_peers)
		r = err_set(err, "%s: no [Interface] and no [Peer]", name);
	free_lines(&p->said);
	explicit_bzero(p, sizeof(*p)); /* its line may have been a private key */
	free(p);
	return r;
}

int
wgquick_read(FILE *in, const char *name, struct wgquick *out, struct err *err)
{
	char first[CONF_LINE_MAX] = "";
	int r;

	memset(out, 0, sizeof(*out));
	/* Only a dump has tabs between words of its first line, and no bracket. */
	if (fgets(first, sizeof(first), in) && strchr(first, '\t') &&
	    !strpbrk(first, "[#"))
		r = wgdump_read(in, first, name, out, err);
	else if (fseek(in, 0, SEEK_SET) < 0)
		r = err_code(err, errno, "%s: %s; give a file", name, strerror(errno));
	else
		r = read_conf(in, name, out, err);
	explicit_bzero(first, sizeof(first));
	if (r == 0)
		r = wgquick_check(out, name, err);
	if (r < 0)
		wgquick_fini(out);
	return r;
}

void
wgquick_fini(struct wgquick *w)
{
	for (size_t i = 0; i < w->n_peers; i++) {
		free(w->peers[i].allowed);
		free_lines(&w->peers[i].said);
		free_lines(&w->peers[i].kept);
	}
	free(w->peers);
	free(w->address);
	free_lines(&w->said);
	free_lines(&w->kept);
	memset(w, 0, sizeof(*w));
}
