/* SPDX-License-Identifier: MIT */
/*
 * Cores of a hub, hkg, nrt and sin in the fake network that is `f`; each test starts
 * with a new one.
 */
#ifndef TESTS_UNIT_AGENT_RIG_H
#define TESTS_UNIT_AGENT_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/fakes/fleet.h"

enum { DUB, HKG, NRT, SIN };

static struct fleet f;

static inline int
setup(void **state)
{
	(void)state;
	fleet_init(&f);
	return 0;
}

static inline int
teardown(void **state)
{
	(void)state;
	fleet_fini(&f);
	return 0;
}

static inline void
make_direct(size_t a, size_t b)
{
	fleet_wish(&f, a, b, WAY_BY_TUNNEL, 0);
	fleet_run(&f, 80 * NS_PER_S);
	assert_int_equal(fleet_state(&f, a, b), WAY_DIRECT);
	assert_int_equal(fleet_state(&f, b, a), WAY_DIRECT);
}

#endif
