/* SPDX-License-Identifier: MIT */
/*
 * The page for people: the files of collector/page, packed and built into the program,
 * so that one binary is all there is to install.
 */
#ifndef COLLECTOR_API_PAGE_H
#define COLLECTOR_API_PAGE_H

#include "collector/api.h"

/* name: what follows API_PAGE_DIR, or "" for the page itself. */
#define API_PAGE_DIR "/page/"
void api_page_get(struct http_request *request, const char *name);

#endif
