/* A client's permessage-deflate: see zclient.h. */
#include "zclient.h"

#include <criterion/criterion.h>
#include <string.h>

enum { CHUNK = 4096 };

void zclient_init(struct zclient *client, const struct ouro_ws_deflate_params *params)
{
	/* zlib has no raw deflate of 8 bits: what it makes of 9 may be too far back. */
	int bits = params->client_window_bits < 9 ? 9 : params->client_window_bits;

	memset(client, 0, sizeof(*client));
	client->out_each = params->client_no_context_takeover;
	client->in_each = params->server_no_context_takeover;
	cr_assert_eq(deflateInit2(&client->out, 6, Z_DEFLATED, -bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
	cr_assert_eq(inflateInit2(&client->in, -params->server_window_bits), Z_OK);
}

void zclient_fini(struct zclient *client)
{
	deflateEnd(&client->out);
	inflateEnd(&client->in);
}

void zclient_add(struct zclient *client, struct bytes *bytes, unsigned opcode, const char *data,
		 size_t len, size_t fragment)
{
	struct bytes packed = { 0 };
	char chunk[CHUNK];

	client->out.next_in = (z_const Bytef *)(uintptr_t)data;
	client->out.avail_in = (uInt)len;
	do {
		client->out.next_out = (Bytef *)chunk;
		client->out.avail_out = CHUNK;
		deflate(&client->out, Z_SYNC_FLUSH);
		bytes_add(&packed, chunk, CHUNK - client->out.avail_out);
	} while (client->out.avail_out == 0);
	/* zlib flushes nothing twice; an empty message is an empty block (RFC 7692, 7.2.3.6). */
	if (packed.len == 0)
		bytes_add(&packed, "\x00\x00\x00\xff\xff", 5);
	packed.len -= 4;
	if (client->out_each)
		deflateReset(&client->out);
	if (fragment == 0)
		fragment = packed.len;
	for (size_t at = 0; at < packed.len; at += fragment) {
		size_t part = packed.len - at < fragment ? packed.len - at : fragment;
		unsigned first = at == 0 ? RSV1 | opcode : 0;

		add_masked(bytes, &(struct frame){ first | (at + part == packed.len ? FIN : 0u),
						   packed.ptr + at, part, 0 });
	}
	bytes_free(&packed);
}

static void inflate_more(struct zclient *client, const char *data, size_t len,
			 struct bytes *message)
{
	char chunk[CHUNK];
	int result;

	client->in.next_in = (z_const Bytef *)(uintptr_t)data;
	client->in.avail_in = (uInt)len;
	do {
		client->in.next_out = (Bytef *)chunk;
		client->in.avail_out = CHUNK;
		result = inflate(&client->in, Z_SYNC_FLUSH);
		cr_assert(result == Z_OK || result == Z_BUF_ERROR, "inflate: %d", result);
		bytes_add(message, chunk, CHUNK - client->in.avail_out);
	} while (client->in.avail_out == 0);
	cr_assert_eq(client->in.avail_in, 0);
}

unsigned zclient_read(struct zclient *client, struct peer *peer, struct bytes *message)
{
	const unsigned char *head = (const unsigned char *)peer->fake.out + client->read;
	size_t left = peer->fake.out_len - client->read, len, head_len = 2;

	message->len = 0;
	if (left == 0)
		return 0;
	cr_assert(left >= 2);
	len = head[1];
	if (len >= 126) {
		head_len = len == 126 ? 4 : 10;
		len = 0;
		for (size_t i = 2; i < head_len; i++)
			len = len << 8 | head[i];
	}
	cr_assert(left >= head_len + len);
	cr_assert(head[0] & FIN);
	if (head[0] & RSV1) {
		client->compressed++;
		inflate_more(client, (const char *)head + head_len, len, message);
		inflate_more(client, "\x00\x00\xff\xff", 4, message);
		if (client->in_each)
			inflateReset(&client->in);
	} else {
		bytes_add(message, head + head_len, len);
	}
	client->read += head_len + len;
	return head[0] & 0x0f;
}
