/* SPDX-License-Identifier: MIT */
#include "prober/upload_curl.h"

#include "common/report.h"
#include "common/version.h"

#define CONNECT_TIMEOUT_MS 5000L
#define REQUEST_TIMEOUT_MS 15000L /* a slow disk under the collector's commit */

struct curl_slist *
upload_curl_headers(void)
{
	struct curl_slist *list =
	    curl_slist_append(NULL, "Content-Type: " REPORT_MEDIA_TYPE);

	/* An empty Expect: no round trip of "100 Continue" before the body. */
	return curl_slist_append(list, "Expect:");
}

int
upload_curl_options(CURL *c, const char *url, struct curl_slist *headers,
    curl_write_callback answer, void *ctx)
{
	CURLcode rc = CURLE_OK;
	struct {
		CURLoption option;
		long value;
	} longs[] = {
		{ CURLOPT_POST, 1 },
		{ CURLOPT_NOSIGNAL, 1 },
		{ CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS },
		{ CURLOPT_TIMEOUT_MS, REQUEST_TIMEOUT_MS },
		/* Do not wait for a resolver's thread, and with it the probes. */
		{ CURLOPT_QUICK_EXIT, 1 },
	};

	for (size_t i = 0; rc == CURLE_OK && i < sizeof(longs) / sizeof(longs[0]); i++)
		rc = curl_easy_setopt(c, longs[i].option, longs[i].value);
	if (rc == CURLE_OK)
		rc = curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	if (rc == CURLE_OK)
		rc = curl_easy_setopt(c, CURLOPT_URL, url);
	/* Tells the collector which version runs where. */
	if (rc == CURLE_OK)
		rc = curl_easy_setopt(c, CURLOPT_USERAGENT,
		    "meshopt-prober/" MESHOPT_VERSION);
	/* The collector knows us by our address, which a proxy would replace. */
	if (rc == CURLE_OK)
		rc = curl_easy_setopt(c, CURLOPT_NOPROXY, "*");
	if (rc == CURLE_OK)
		rc = curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
	if (rc == CURLE_OK)
		rc = curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, answer);
	if (rc == CURLE_OK)
		rc = curl_easy_setopt(c, CURLOPT_WRITEDATA, ctx);
	return (int)rc;
}
