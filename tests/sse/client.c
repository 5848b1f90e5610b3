/* The client's side of an event stream: see client.h. */
#include "client.h"

#include <stdlib.h>

static void append(char **to, size_t *to_len, const char *bytes, size_t len)
{
	*to = realloc(*to, *to_len + len + 1);
	if (len > 0)
		memcpy(*to + *to_len, bytes, len);
	*to_len += len;
	(*to)[*to_len] = '\0';
}

static void set(char **to, size_t *to_len, const char *bytes, size_t len)
{
	*to_len = 0;
	append(to, to_len, bytes, len);
}

void sse_client_init(struct sse_client *client)
{
	*client = (struct sse_client){ .retry_ms = -1 };
	set(&client->data, &client->data_len, "", 0);
	set(&client->name, &client->name_len, "", 0);
	set(&client->last_id, &client->last_id_len, "", 0);
	set(&client->event_data, &client->event_data_len, "", 0);
	set(&client->event_name, &client->event_name_len, "", 0);
}

void sse_client_fini(struct sse_client *client)
{
	free(client->data);
	free(client->name);
	free(client->last_id);
	free(client->event_data);
	free(client->event_name);
}

static void dispatch(struct sse_client *client)
{
	if (client->data_len > 0) {
		/* The last line's LF goes. */
		set(&client->event_data, &client->event_data_len, client->data,
		    client->data_len - 1);
		set(&client->event_name, &client->event_name_len, client->name, client->name_len);
		client->dispatched_count++;
	}
	set(&client->data, &client->data_len, "", 0);
	set(&client->name, &client->name_len, "", 0);
}

static void process_field(struct sse_client *client, struct ouro_str field, struct ouro_str value)
{
	uint64_t ms;

	if (ouro_str_eq(field, OURO_STR("event"))) {
		set(&client->name, &client->name_len, value.ptr, value.len);
	} else if (ouro_str_eq(field, OURO_STR("data"))) {
		append(&client->data, &client->data_len, value.ptr, value.len);
		append(&client->data, &client->data_len, "\n", 1);
	} else if (ouro_str_eq(field, OURO_STR("id"))) {
		if (value.len == 0 || !memchr(value.ptr, '\0', value.len))
			set(&client->last_id, &client->last_id_len, value.ptr, value.len);
	} else if (ouro_str_eq(field, OURO_STR("retry"))) {
		if (ouro_str_to_u64(value, &ms) == 0)
			client->retry_ms = (long long)ms;
	}
}

static void process_line(struct sse_client *client, struct ouro_str line)
{
	const char *colon = line.len > 0 ? memchr(line.ptr, ':', line.len) : NULL;
	struct ouro_str value;

	if (line.len == 0) {
		dispatch(client);
		return;
	}
	if (colon == line.ptr) {
		client->comment_count++;
		return;
	}
	if (!colon) {
		process_field(client, line, ouro_str(line.ptr, 0));
		return;
	}
	value = ouro_str(colon + 1, line.len - (size_t)(colon - line.ptr) - 1);
	if (value.len > 0 && value.ptr[0] == ' ')
		value = ouro_str(value.ptr + 1, value.len - 1);
	process_field(client, ouro_str(line.ptr, (size_t)(colon - line.ptr)), value);
}

void sse_client_read(struct sse_client *client, struct ouro_str stream)
{
	size_t start = 0;

	for (size_t i = 0; i < stream.len; i++) {
		if (stream.ptr[i] != '\r' && stream.ptr[i] != '\n')
			continue;
		process_line(client, ouro_str(stream.ptr + start, i - start));
		if (stream.ptr[i] == '\r' && i + 1 < stream.len && stream.ptr[i + 1] == '\n')
			i++;
		start = i + 1;
	}
}
