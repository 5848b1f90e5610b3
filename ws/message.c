/* A message encoded once: see ws/message.h. */
#include "ws/message.h"

#include "ws/piece.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

size_t ouro_ws_message_bytes(size_t payload_bytes)
{
	char head[OURO_WS_HEAD_BYTES_MAX];

	return ouro_ws_write_head(head, 0, payload_bytes) + payload_bytes;
}

void ouro_ws_message_write(enum ouro_ws_opcode opcode, struct ouro_str payload, char *out)
{
	char head[OURO_WS_HEAD_BYTES_MAX];
	size_t len = ouro_ws_write_head(head, OURO_WS_FIN | (unsigned)opcode, payload.len);

	assert(opcode == OURO_WS_TEXT || opcode == OURO_WS_BINARY);
	memcpy(out, head, len);
	if (payload.len > 0)
		memcpy(out + len, payload.ptr, payload.len);
}

/* A frame of @len bytes, which are still to be put behind its head; NULL: out of memory. */
static struct ouro_buf *create_frame(struct ouro_ws_loop *loop, unsigned first, size_t len)
{
	char head[OURO_WS_HEAD_BYTES_MAX];
	size_t head_len = ouro_ws_write_head(head, first, len);
	struct ouro_buf *buf;

	if (head_len + len <= OURO_WS_PIECE_BYTES)
		buf = ouro_ws_piece_get(&loop->pieces);
	else
		buf = ouro_buf_create((uint32_t)(head_len + len));
	if (!buf)
		return NULL;
	memcpy(buf->data, head, head_len);
	buf->len = (uint32_t)head_len;
	return buf;
}

static void append(struct ouro_buf *buf, const char *data, size_t len)
{
	assert(len <= buf->size - buf->len);
	memcpy(buf->data + buf->len, data, len);
	buf->len += (uint32_t)len;
}

int ouro_ws_shared_init(struct ouro_ws_shared *message, struct ouro_ws_loop *loop,
			enum ouro_ws_opcode opcode, struct ouro_str payload)
{
	struct ouro_buf *buf;

	assert(opcode == OURO_WS_TEXT || opcode == OURO_WS_BINARY);
	assert(payload.len < UINT32_MAX - OURO_WS_HEAD_BYTES_MAX);
	buf = create_frame(loop, OURO_WS_FIN | opcode, payload.len);
	if (!buf)
		return -ENOMEM;
	*message = (struct ouro_ws_shared){
		.loop = loop,
		.plain = buf,
		.opcode = (uint8_t)opcode,
		.head_bytes = (uint8_t)buf->len,
	};
	if (payload.len > 0)
		append(buf, payload.ptr, payload.len);
	return 0;
}

void ouro_ws_shared_fini(struct ouro_ws_shared *message)
{
	ouro_buf_unref(message->plain);
	ouro_buf_unref(message->deflated);
}

struct ouro_str ouro_ws_shared_payload(const struct ouro_ws_shared *message)
{
	const struct ouro_buf *buf = message->plain;

	return (struct ouro_str){ buf->data + message->head_bytes, buf->len - message->head_bytes };
}

/* Compresses it. Fails where that is no gain, and then is not tried again, or where a deflater or
 * memory is short. */
static void deflate_once(struct ouro_ws_shared *message, unsigned window_bits)
{
	struct ouro_ws_loop *loop = message->loop;
	struct ouro_ws_deflater *deflater = ouro_ws_deflater_lease(&loop->codecs, window_bits);
	struct ouro_ws_chain chain;
	int err;

	if (!deflater)
		return;
	err = ouro_ws_deflate(deflater, ouro_ws_shared_payload(message), &loop->pieces, &chain);
	ouro_ws_deflater_release(&loop->codecs, deflater);
	message->incompressible = err == -EFBIG;
	if (err)
		return;
	message->deflated =
		create_frame(loop, OURO_WS_FIN | OURO_WS_RSV1 | message->opcode, chain.bytes);
	message->window_bits = (uint8_t)window_bits;
	for (struct ouro_buf *at = chain.first; message->deflated && at; at = at->next)
		append(message->deflated, at->data, at->len);
	ouro_ws_chain_drop(&chain);
}

struct ouro_buf *ouro_ws_shared_deflated(struct ouro_ws_shared *message, unsigned window_bits)
{
	if (!message->deflated && !message->incompressible &&
	    message->plain->len > message->head_bytes)
		deflate_once(message, window_bits);
	if (message->deflated && message->window_bits <= window_bits)
		return message->deflated;
	return message->plain;
}
