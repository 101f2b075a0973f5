/* SPDX-License-Identifier: MIT */
#include "common/stepwatch.h"

#include <stdlib.h>

#include "common/clock.h"

#define STEP_NS	 (50 * NS_PER_US) /* a smaller step bends no decision */
#define TRIES	 5		  /* readings until one was not torn by preemption */
#define TIGHT_NS (5 * NS_PER_US)  /* a reading this tight is good */

void
stepwatch_look(struct stepwatch *w)
{
	int64_t best_ns = INT64_MAX, offset_ns = 0;

	for (int i = 0; i < TRIES && best_ns > TIGHT_NS; i++) {
		struct mono before = clock_mono();
		struct wall wall = clock_wall();
		int64_t width_ns = mono_diff(clock_mono(), before);

		if (width_ns < best_ns) {
			best_ns = width_ns;
			offset_ns = wall.ns - (before.ns + width_ns / 2);
		}
	}
	if (llabs(offset_ns - w->offset_ns) <= STEP_NS + best_ns)
		return;
	w->epoch++;
	w->offset_ns = offset_ns;
}
