/* SPDX-License-Identifier: MIT */
#include "optimizer/agent/drive.h"

#include <errno.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "optimizer/agent/named.h"
#include "optimizer/agent/punch.h"
#include "optimizer/agent/word.h"

#define GREET_NS (1 * NS_PER_S) /* after netd refused the greeting */
#define LOOK_NS	 (1 * NS_PER_S) /* between two looks at the interfaces */

/* --- probes --- */

static void
on_result(const struct pinger_result *r, void *ctx)
{
	struct drive *d = ctx;

	if (r->fate == PINGER_ANSWERED || r->fate == PINGER_LATE)
		core_answer(d->core, r->slot, r->seq,
		    r->rtt_ns < 0 ? -1 : r->rtt_ns / NS_PER_US,
		    r->ifindex && r->ifindex == d->aim.hub);
	else if (r->fate == PINGER_LOST)
		core_lost(d->core, r->slot, r->seq);
}

static void
send_probes(struct drive *d, struct mono now)
{
	struct core_probe probe;

	while (core_probe(d->core, &probe, now)) {
		uint64_t seq = 0;
		int rc = aim_send(&d->aim, d->part->pinger, &probe, now, &seq);

		core_sent(d->core, &probe, rc, seq, now);
	}
}

/* It may be lost on its way as any other, so that failing to send is no more. */
static void
punch(struct drive *d, struct mono now)
{
	struct core_punch p;

	while (core_punch(d->core, &p, now)) {
		int rc = d->part->punch_fd < 0 ? -EPERM
					       : punch_send(d->part->punch_fd, &p.to,
						     p.port, d->mesh->direct_port);

		if (rc < 0)
			log_warnx("%s: cannot open the NAT towards it: %s",
			    d->mesh->nodes[p.node].name, strerror(-rc));
	}
}

static void
look_around(struct drive *d, struct mono now)
{
	aim_look(&d->aim);
	core_full_bytes(d->core, d->aim.full_bytes);
	if (names_poll(d->names, now))
		d->moved(d->ctx);
	d->look_at = mono_add(now, LOOK_NS);
}

/* --- netd --- */

static int
ask_netd(struct drive *d, struct mono now)
{
	struct core_ask ask;
	int rc = 0;

	if (!d->asker.greeted) {
		if (now.ns >= d->greet_at.ns)
			rc = asker_greet(&d->asker);
	} else if (d->adopt && !d->asker.client.waiting) {
		d->adopt = false;
		d->adopting = true;
		ask = (struct core_ask){ .verb = CORE_ADOPT,
			.node = NETD_NONE,
			.via = SIZE_MAX };
		rc = asker_send(&d->asker, &ask);
	} else if (!d->adopting && core_ask(d->core, &ask, now)) {
		rc = asker_send(&d->asker, &ask);
	}
	return rc;
}

static void
adopted(struct drive *d, int rc, const char *text)
{
	d->adopting = false;
	if (rc == 0)
		log_info("what was changed by hand is the plan's again");
	else
		log_warnx("not given back: %s", text[0] ? text : strerror(-rc));
}

static void
on_news(struct drive *d, int news, int rc, const char *text)
{
	struct mono now = clock_mono();

	switch (news) {
	case ASKER_GREETED:
		d->ready = true;
		break;
	case ASKER_SPURNED:
		log_warnx("netd: %s", text[0] ? text : strerror(-rc));
		d->stale |= rc == -ESTALE;
		d->greet_at = mono_add(now, GREET_NS);
		break;
	case ASKER_SAW:
		look_around(d, now); /* it may have been made just now */
		core_saw(d->core, d->asker.seen, &d->asker.node, now);
		core_told(d->core, 0, "", now);
		break;
	case ASKER_TOLD:
		if (d->adopting)
			adopted(d, rc, text);
		else
			core_told(d->core, rc, text, now);
		break;
	default:
		break;
	}
}

static int
lost(int rc)
{
	log_warnx("netd: %s", rc == -EPIPE ? "it has ended" : strerror(-rc));
	return -EPIPE;
}

int
drive_netd(struct drive *d)
{
	char text[NETD_TEXT_MAX];
	int news, rc = 0;

	while ((news = asker_receive(&d->asker, &rc, text)) >= 0)
		on_news(d, news, rc, text);
	return news == -EAGAIN ? 0 : lost(news);
}

/* Answers first: a late loop must not make misses of what has long arrived. */
int
drive_turn(struct drive *d)
{
	struct mono now = clock_mono();
	int rc;

	if (now.ns >= d->look_at.ns)
		look_around(d, now);
	(void)pinger_drain(d->part->pinger, now, on_result, d); /* count unused */
	word_hear(d->part->word_fd, &d->aim, d->core, now);
	core_tick(d->core, now);
	word_say(d->part->word_fd, &d->aim, d->core, now);
	send_probes(d, now);
	punch(d, now);
	rc = ask_netd(d, now);
	return rc < 0 ? lost(rc) : 0;
}

/* --- */

static void
begin(struct drive *d)
{
	asker_init(&d->asker, d->part->netd_fd, d->mesh);
	d->aim.mesh = d->mesh;
	d->aim.self = d->self;
	aim_look(&d->aim);
	d->core = core_new(&(struct core_opts){ .mesh = d->mesh,
			       .self = d->self,
			       .full_bytes = d->aim.full_bytes,
			       .once = d->once },
	    clock_mono());
	named_want(d->names, d->mesh);
}

void
drive_init(struct drive *d)
{
	d->names = names_new();
	begin(d);
}

void
drive_fini(struct drive *d)
{
	names_free(d->names);
	core_free(d->core);
	asker_fini(&d->asker);
}

void
drive_mesh(struct drive *d, const struct mesh *mesh, size_t self)
{
	core_free(d->core);
	asker_fini(&d->asker);
	d->mesh = mesh;
	d->self = self;
	begin(d);
}

void
drive_want(struct drive *d, struct way_wish *wishes, struct mono fresh_until)
{
	named_hint(d->names, d->mesh, wishes);
	core_want(d->core, wishes, fresh_until, clock_mono());
}
