/* SPDX-License-Identifier: MIT */
/*
 * Who changes the direct interface of this network namespace: meshopt-agent as long as
 * it runs, or `meshopt apply` once, and never both.  A name in the kernel and no file:
 * it goes with its holder however that ends, and each namespace has its own.
 */
#ifndef OPTIMIZER_NETD_CLAIM_H
#define OPTIMIZER_NETD_CLAIM_H

/*
 * A descriptor that holds the claim until it is closed, or -EADDRINUSE.  Anybody on the
 * machine could take the name, so that netd goes on without it.
 */
int claim_take(const char *interface);

#endif
