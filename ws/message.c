/* A message encoded once: see ws/message.h. */
#include "ws/message.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

size_t ouro_ws_message_bytes(size_t payload_bytes)
{
	char head[OURO_WS_HEAD_BYTES_MAX];

	return ouro_ws_write_head(head, 0, payload_bytes) + payload_bytes;
}

/* Returns where the payload goes. */
static char *write_head(enum ouro_ws_opcode opcode, unsigned bits, size_t payload_bytes, char *out)
{
	char head[OURO_WS_HEAD_BYTES_MAX];
	size_t len = ouro_ws_write_head(head, OURO_WS_FIN | bits | (unsigned)opcode, payload_bytes);

	assert(opcode == OURO_WS_TEXT || opcode == OURO_WS_BINARY);
	memcpy(out, head, len);
	return out + len;
}

void ouro_ws_message_write(enum ouro_ws_opcode opcode, struct ouro_str payload, char *out)
{
	out = write_head(opcode, 0, payload.len, out);
	if (payload.len > 0)
		memcpy(out, payload.ptr, payload.len);
}

int ouro_ws_message_deflate(struct ouro_ws_loop *loop, struct ouro_str payload,
			    struct ouro_ws_chain *chain)
{
	struct ouro_ws_deflater *deflater;
	int err;

	*chain = (struct ouro_ws_chain){ 0 };
	if (payload.len == 0)
		return -EFBIG;
	deflater = ouro_ws_deflater_lease(&loop->codecs, OURO_WS_MESSAGE_WINDOW_BITS);
	if (!deflater)
		return -ENOBUFS;
	err = ouro_ws_deflate(deflater, payload, &loop->pieces, chain);
	ouro_ws_deflater_release(&loop->codecs, deflater);
	return err;
}

void ouro_ws_message_write_deflated(enum ouro_ws_opcode opcode, const struct ouro_ws_chain *chain,
				    char *out)
{
	out = write_head(opcode, OURO_WS_RSV1, chain->bytes, out);
	for (const struct ouro_buf *buf = chain->first; buf; buf = buf->next) {
		memcpy(out, buf->data, buf->len);
		out += buf->len;
	}
}
