/* A client's permessage-deflate, written on zlib alone: what sessions send it must read, and they
 * what it sends. */
#ifndef OURO_TESTS_WS_ZCLIENT_H
#define OURO_TESTS_WS_ZCLIENT_H

#include "peer.h"

#include <zlib.h>

struct zclient {
	z_stream out, in;
	bool out_each, in_each; /* no context takeover */
	size_t read;            /* bytes of the server's that were read */
	size_t compressed;      /* messages that came compressed */
};

void zclient_init(struct zclient *client, const struct ouro_ws_deflate_params *params);
void zclient_fini(struct zclient *client);

/* Adds a message, compressed, in frames of at most @fragment bytes (0: one). */
void zclient_add(struct zclient *client, struct bytes *bytes, unsigned opcode, const char *data,
		 size_t len, size_t fragment);

/* Reads the next message that @peer's session wrote into @message; its opcode, 0 where there is
 * none. */
unsigned zclient_read(struct zclient *client, struct peer *peer, struct bytes *message);

#endif
