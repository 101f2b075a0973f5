/* SPDX-License-Identifier: MIT */
/*
 * The socket that the collector listens on, and the descriptors it may have.
 */
#ifndef COLLECTOR_LISTEN_H
#define COLLECTOR_LISTEN_H

#include <stdint.h>

#include "common/addr.h"
#include "common/err.h"

/*
 * A listening TCP socket, bound to device if that is not NULL: Linux accepts an address
 * of its own on any interface, so that without a device whoever can route a packet here
 * could speak for any node (no AllowedIPs would have judged the source).  A connection
 * from this machine to the address of a device counts as one over that device.
 * The descriptor, or -errno with err saying what to do.
 */
int listen_open(const struct addr *addr, uint16_t port, const char *device,
    struct err *err);

/*
 * How many connections there may be: max, if the limit of open files, which this
 * raises, has room for them and `spare` other ones; fewer if not.  Without, accept()
 * would fail in a busy circle.
 */
unsigned listen_files(unsigned max, unsigned spare);

#endif
