/* SPDX-License-Identifier: MIT */
#include "optimizer/policy_conf.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "common/conf.h"
#include "common/num.h"

#define RATIO_MAX 1000000u

enum kind { RTT_US, SPAN_NS, COUNT, RATIO, TOGGLE };

#define AT(field) offsetof(struct policy, field)

static const struct key {
	const char *section, *name;
	enum kind kind;
	size_t at;
	uint32_t lo, hi; /* of a COUNT */
} keys[] = {
	{ "Policy", "Gain", RTT_US, AT(gain_us), 0, 0 },
	{ "Policy", "Ratio", RATIO, AT(ratio_num), 0, 0 },
	{ "Policy", "KeepGain", RTT_US, AT(keep_gain_us), 0, 0 },
	{ "Policy", "KeepGainPercent", COUNT, AT(keep_gain_pct), 0, 99 },
	{ "Policy", "Both", TOGGLE, AT(both), 0, 0 },
	{ "Policy", "Smoothing", COUNT, AT(smooth_num), 1, POLICY_SMOOTH_DEN },
	{ "Policy", "Dwell", SPAN_NS, AT(dwell_ns), 0, 0 },
	{ "Policy", "ChangeCost", RTT_US, AT(change_cost_us), 0, 0 },
	{ "Policy", "Interval", SPAN_NS, AT(interval_ns), 0, 0 },
	{ "Policy", "Confidence", COUNT, AT(conf_pct), 50, 99 },
	{ "Policy", "Samples", COUNT, AT(samples_min), 1, 1000000 },
	{ "Policy", "LossPackets", COUNT, AT(loss_packets), 0, 1000000 },
	{ "Damping", "Penalty", COUNT, AT(penalty), 0, 1000000 },
	{ "Damping", "Suppress", COUNT, AT(suppress), 1, 1000000 },
	{ "Damping", "Reuse", COUNT, AT(reuse), 1, 1000000 },
	{ "Damping", "HalfLife", SPAN_NS, AT(half_life_ns), 0, 0 },
	{ "Damping", "Max", SPAN_NS, AT(suppress_max_ns), 0, 0 },
};
#define N_KEYS (sizeof(keys) / sizeof(keys[0]))

/* "10ms", or a bare number of ms. */
static int
take_rtt(const char *text, int64_t *us)
{
	size_t n = strlen(text);
	char digits[32];

	if (n > 2 && strcasecmp(text + n - 2, "ms") == 0)
		n -= 2;
	while (n > 0 && text[n - 1] == ' ')
		n--;
	if (n >= sizeof(digits))
		return -EINVAL;
	memcpy(digits, text, n);
	digits[n] = '\0';
	return num_ms(digits, us);
}

static int
take_span(const char *text, int64_t *ns)
{
	if (strcmp(text, "0") == 0) {
		*ns = 0;
		return 0;
	}
	return num_duration(text, ns);
}

/* "2/3": exact where a decimal is not. */
static int
take_ratio(const char *text, uint32_t out[2])
{
	const char *slash = strchr(text, '/');
	char num[16] = "";
	uint32_t a, b;

	if (!slash || (size_t)(slash - text) >= sizeof(num))
		return -EINVAL;
	memcpy(num, text, (size_t)(slash - text));
	if (num_u32(num, 1, RATIO_MAX, &a) < 0 ||
	    num_u32(slash + 1, a, RATIO_MAX, &b) < 0)
		return -EINVAL;
	out[0] = a;
	out[1] = b;
	return 0;
}

static int
take_toggle(const char *text, bool *out)
{
	if (strcasecmp(text, "yes") && strcasecmp(text, "no"))
		return -EINVAL;
	*out = strcasecmp(text, "yes") == 0;
	return 0;
}

static const char *
kind_text(enum kind kind)
{
	switch (kind) {
	case RTT_US:
		return "a time such as 10ms, up to 60000ms";
	case SPAN_NS:
		return "a time such as 15m or 1h, or 0";
	case RATIO:
		return "a ratio such as 2/3, at most 1";
	case TOGGLE:
		return "yes or no";
	default:
		return "a whole number";
	}
}

static int
take_value(const struct key *key, const struct conf *c, struct policy *out,
    struct err *err)
{
	void *at = (char *)out + key->at;
	int r;

	switch (key->kind) {
	case RTT_US:
		r = take_rtt(c->value, at);
		break;
	case SPAN_NS:
		r = take_span(c->value, at);
		break;
	case RATIO:
		r = take_ratio(c->value, at);
		break;
	case TOGGLE:
		r = take_toggle(c->value, at);
		break;
	default:
		r = num_u32(c->value, key->lo, key->hi, at);
	}
	if (r == 0)
		return 0;
	if (key->kind == COUNT)
		return err_set(err,
		    "%s:%u: %s: \"%.60s\" is not a whole number from "
		    "%u to %u",
		    c->name, c->line, key->name, c->value, key->lo, key->hi);
	return err_set(err, "%s:%u: %s: \"%.60s\" is not %s", c->name, c->line,
	    key->name, c->value, kind_text(key->kind));
}

static int
take_key(const struct conf *c, struct policy *out, bool *seen, struct err *err)
{
	for (size_t i = 0; i < N_KEYS; i++) {
		if (strcasecmp(keys[i].section, c->section) ||
		    strcasecmp(keys[i].name, c->key))
			continue;
		if (seen[i])
			return err_set(err, "%s:%u: %s is there twice", c->name,
			    c->line, keys[i].name);
		seen[i] = true;
		return take_value(&keys[i], c, out, err);
	}
	return err_set(err,
	    "%s:%u: [%s] has no key %.60s; meshopt-policy(5) lists them", c->name,
	    c->line, c->section, c->key);
}

int
policy_conf_read(FILE *in, const char *name, struct policy *out, struct err *err)
{
	struct policy policy = policy_default();
	bool seen[N_KEYS] = { false };
	struct err what;
	struct conf c;
	int r;

	conf_init(&c, in, name);
	while ((r = conf_next(&c, err)) != CONF_END) {
		if (r < 0)
			return r;
		if (r == CONF_SECTION && strcasecmp(c.section, "Policy") &&
		    strcasecmp(c.section, "Damping"))
			return err_set(err,
			    "%s:%u: [%s] is no section of a policy file; there are "
			    "[Policy] and [Damping]",
			    name, c.line, c.section);
		if (r == CONF_KEY)
			r = take_key(&c, &policy, seen, err);
		if (r < 0)
			return r;
	}
	if (policy_check(&policy, &what) < 0)
		return err_set(err, "%s: %s", name, what.text);
	*out = policy;
	return 0;
}

int
policy_conf_load(const char *path, struct policy *out, struct err *err)
{
	FILE *in;
	int r;

	if (!path || strcmp(path, "default") == 0) {
		*out = policy_default();
		return 0;
	}
	in = fopen(path, "re");
	if (!in)
		return err_code(err, errno, "%s: %s", path, strerror(errno));
	r = policy_conf_read(in, path, out, err);
	(void)fclose(in); /* only read from */
	return r;
}

/* In the largest unit that is exact: num_duration() takes numbers up to 100,000. */
static void
write_span(int64_t ns, FILE *out)
{
	static const struct {
		const char *unit;
		int64_t ns;
	} units[] = { { "d", 86400 * NS_PER_S }, { "h", 3600 * NS_PER_S },
		{ "m", 60 * NS_PER_S }, { "s", NS_PER_S }, { "ms", NS_PER_MS } };
	size_t i = 0;

	if (ns == 0) {
		fprintf(out, "0");
		return;
	}
	while (i + 1 < sizeof(units) / sizeof(units[0]) && ns % units[i].ns)
		i++;
	fprintf(out, "%lld%s", (long long)(ns / units[i].ns), units[i].unit);
}

void
policy_conf_write(const struct policy *policy, FILE *out)
{
	const char *section = "";

	for (size_t i = 0; i < N_KEYS; i++) {
		const void *at = (const char *)policy + keys[i].at;

		if (strcmp(section, keys[i].section)) {
			fprintf(out, "%s[%s]\n", *section ? "\n" : "", keys[i].section);
			section = keys[i].section;
		}
		fprintf(out, "%s = ", keys[i].name);
		if (keys[i].kind == RTT_US)
			fprintf(out, "%.3fms", (double)*(const int64_t *)at / 1000);
		else if (keys[i].kind == SPAN_NS)
			write_span(*(const int64_t *)at, out);
		else if (keys[i].kind == RATIO)
			fprintf(out, "%u/%u", ((const uint32_t *)at)[0],
			    ((const uint32_t *)at)[1]);
		else if (keys[i].kind == TOGGLE)
			fprintf(out, "%s", *(const bool *)at ? "yes" : "no");
		else
			fprintf(out, "%u", *(const uint32_t *)at);
		fprintf(out, "\n");
	}
}
