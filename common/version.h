/* SPDX-License-Identifier: MIT */
#ifndef COMMON_VERSION_H
#define COMMON_VERSION_H

#define MESHOPT_VERSION "0.1.0"

#endif
