/* Fuzz target of events as bytes. An event is made of what comes, encoded, and read by the
 * client of the specification, which must find in it what was put in, and nothing else; and
 * bytes that another process may have written are read as a message, which written again must be
 * the same bytes. */
#include "../sse/client.h"

#include "hub/wire.h"
#include "sse/event.h"

#include <stdlib.h>

enum { INPUT_BYTES_MAX = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define EXPECT(fact)                                                                               \
	do {                                                                                       \
		if (!(fact))                                                                       \
			abort();                                                                   \
	} while (0)

/* Takes up to the next 0xff, which UTF-8 does not have; absent where the input is over. */
static struct ouro_str next_field(struct ouro_str *text)
{
	const char *end = text->len > 0 ? memchr(text->ptr, 0xff, text->len) : NULL;
	size_t len = end ? (size_t)(end - text->ptr) : text->len;
	struct ouro_str field = text->len > 0 ? ouro_str(text->ptr, len) : ouro_str(NULL, 0);

	len += end != NULL;
	*text = ouro_str(text->ptr + len, text->len - len);
	return field;
}

/* What a client makes of the line ends in @data. */
static struct ouro_str with_lf(struct ouro_str data, char *out)
{
	size_t len = 0;

	for (size_t i = 0; i < data.len; i++) {
		if (data.ptr[i] == '\r' && i + 1 < data.len && data.ptr[i + 1] == '\n')
			continue;
		out[len++] = data.ptr[i] == '\r' ? '\n' : data.ptr[i];
	}
	return ouro_str(out, len);
}

static void check_client(const struct ouro_sse_event *event, struct ouro_str bytes)
{
	char lines[INPUT_BYTES_MAX];
	struct sse_client client;
	struct ouro_str id;

	sse_client_init(&client);
	sse_client_read(&client, bytes);
	EXPECT(client.dispatched_count == (event->data.ptr != NULL));
	if (event->data.ptr) {
		EXPECT(ouro_str_eq(ouro_str(client.event_data, client.event_data_len),
				   with_lf(event->data, lines)));
		EXPECT(ouro_str_eq(ouro_str(client.event_name, client.event_name_len),
				   event->event));
	}
	EXPECT(ouro_str_eq(ouro_str(client.last_id, client.last_id_len), event->id));
	EXPECT(client.retry_ms == (event->retry_ms > 0 ? (long long)event->retry_ms : -1));
	EXPECT((client.comment_count > 0) == (event->comment.ptr != NULL));
	/* The next event stands for itself. */
	EXPECT(client.data_len == 0 && client.name_len == 0);
	/* And the id comes back as it was. */
	if (event->id.len > 0)
		EXPECT(ouro_sse_parse_last_event_id(event->id, &id) && ouro_str_eq(id, event->id));
	sse_client_fini(&client);
}

static void check_event(struct ouro_str text, uint32_t retry_ms)
{
	struct ouro_sse_event event = { .retry_ms = retry_ms };
	struct ouro_sse_encoded encoded;
	ssize_t size;

	event.id = next_field(&text);
	event.event = next_field(&text);
	event.comment = next_field(&text);
	event.data = next_field(&text);
	event.key = next_field(&text);
	size = ouro_sse_event_size(&event);
	if (size < 0) {
		EXPECT(ouro_sse_event_encode(&event, &encoded) == size);
		return;
	}
	EXPECT(ouro_sse_event_encode(&event, &encoded) == 0);
	EXPECT(encoded.bytes.len == (size_t)size && ouro_str_eq(encoded.key, event.key));
	check_client(&event, ouro_str(encoded.bytes.ptr, encoded.bytes.len));
	ouro_buf_unref(encoded.bytes.buf);
}

static void check_wire(struct ouro_str bytes)
{
	struct ouro_hub_content content;
	char out[INPUT_BYTES_MAX];

	if (ouro_hub_wire_read(bytes, &content))
		return;
	EXPECT(ouro_hub_wire_size(&content) == bytes.len);
	ouro_hub_wire_write(&content, out);
	EXPECT(ouro_str_eq(ouro_str(out, bytes.len), bytes));
}

static void check_id(struct ouro_str text)
{
	char out[OURO_HUB_ID_TEXT_MAX];
	struct ouro_hub_id id;

	if (ouro_hub_id_parse(text, &id) == 0)
		EXPECT(ouro_str_eq(ouro_str(out, ouro_hub_id_write(id, out)), text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct ouro_str text = ouro_str((const char *)data, len);

	if (len == 0 || len > INPUT_BYTES_MAX)
		return 0;
	check_wire(text);
	check_id(text);
	/* The first byte is a time, mostly none. */
	check_event(ouro_str(text.ptr + 1, len - 1), data[0] % 4 ? 0 : data[0] * 1000);
	return 0;
}
