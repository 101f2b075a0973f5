/* SPDX-License-Identifier: MIT */
#include "tests/lab/steps.h"

#include "optimizer/apply/kernel_nl.h"

int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);
int __real_kernel_nl_change(struct kernel *k, enum kernel_nl_bus bus,
    struct nlmsghdr *request);
int __wrap_kernel_nl_change(struct kernel *k, enum kernel_nl_bus bus,
    struct nlmsghdr *request);

int
__wrap_fdatasync(int fd)
{
	int rc;

	step("before a record");
	rc = __real_fdatasync(fd);
	step("after a record");
	return rc;
}

int
__wrap_kernel_nl_change(struct kernel *k, enum kernel_nl_bus bus,
    struct nlmsghdr *request)
{
	int rc;

	step("before a change");
	rc = __real_kernel_nl_change(k, bus, request);
	step("after a change");
	return rc;
}
