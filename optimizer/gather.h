/* SPDX-License-Identifier: MIT */
/*
 * The evidence behind a pair's figures: the same choice of paths as instance_build()
 * makes, with the samples, limits, losses and ages that the collector knows.  A figure
 * from a file is all there is: its limits are itself.
 */
#ifndef OPTIMIZER_GATHER_H
#define OPTIMIZER_GATHER_H

#include "optimizer/decide/evidence.h"
#include "optimizer/input.h"

struct gather;

/* in: borrowed, loaded. */
struct gather *gather_new(const struct input *in, unsigned conf_pct);
void gather_free(struct gather *g);

struct evidence_pair gather_pair(const struct gather *g, const struct pair *p);
/* One for each pair of the instance; to be freed by the caller. */
struct evidence_pair *gather_all(const struct gather *g);

/*
 * With relays: every tunnel at its upper limit, one that is too thin denied.  Its own
 * ends need not be a pair.
 */
void gather_tunnels(const struct gather *g, const struct evidence_opts *how,
    struct instance *in);

/* Samples without which a pair is too thin, where the user says nothing. */
uint32_t gather_samples_min(const struct input *in);

#endif
