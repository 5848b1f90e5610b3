/* Frames as bytes: see frames.h. */
#include "frames.h"

#include "ws/frame.h"
#include "ws/mask.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

void bytes_add(struct bytes *bytes, const void *data, size_t len)
{
	if (len > bytes->room - bytes->len) {
		bytes->room = 2 * (bytes->room + len);
		bytes->ptr = realloc(bytes->ptr, bytes->room);
		cr_assert(bytes->ptr);
	}
	if (len > 0)
		memcpy(bytes->ptr + bytes->len, data, len);
	bytes->len += len;
}

void bytes_free(struct bytes *bytes)
{
	free(bytes->ptr);
	*bytes = (struct bytes){ 0 };
}

static void add_payload(struct bytes *bytes, const struct frame *frame)
{
	if (!frame->unit) {
		bytes_add(bytes, frame->payload, frame->len);
		return;
	}
	for (size_t at = 0; at < frame->len; at += frame->unit)
		bytes_add(bytes, frame->payload,
			  frame->len - at < frame->unit ? frame->len - at : frame->unit);
}

void add_masked(struct bytes *bytes, const struct frame *frame)
{
	static const char key[4] = { (char)0xa5, 0x17, (char)0xf0, 0x3c };
	char head[OURO_WS_HEAD_BYTES_MAX];
	size_t head_len = ouro_ws_write_head(head, frame->first, frame->len), at;
	uint32_t word;

	head[1] = (char)(head[1] | 0x80);
	bytes_add(bytes, head, head_len);
	bytes_add(bytes, key, sizeof(key));
	at = bytes->len;
	add_payload(bytes, frame);
	memcpy(&word, key, sizeof(word));
	if (frame->len > 0)
		ouro_ws_mask_portable(bytes->ptr + at, frame->len, word);
}

void add_plain(struct bytes *bytes, const struct frame *frame)
{
	char head[OURO_WS_HEAD_BYTES_MAX];

	bytes_add(bytes, head, ouro_ws_write_head(head, frame->first, frame->len));
	add_payload(bytes, frame);
}
