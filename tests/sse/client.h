/* The client's side of an event stream, written down from the specification line by line (HTML
 * Living Standard, 9.2.6) and not for speed: what encoders are judged by. */
#ifndef OURO_TESTS_SSE_CLIENT_H
#define OURO_TESTS_SSE_CLIENT_H

#include "base/str.h"

/* What the last event that was dispatched looked like, and the client's state. */
struct sse_client {
	char *data;
	size_t data_len;
	char *name;
	size_t name_len;
	char *last_id;
	size_t last_id_len;
	unsigned dispatched_count;
	unsigned comment_count;
	long long retry_ms; /* -1: never told */
	/* Of the dispatched event. */
	char *event_data, *event_name;
	size_t event_data_len, event_name_len;
};

void sse_client_init(struct sse_client *client);
void sse_client_fini(struct sse_client *client);

/* Reads whole lines; what is behind the last line end is dropped, as at the end of a stream. */
void sse_client_read(struct sse_client *client, struct ouro_str stream);

#endif
