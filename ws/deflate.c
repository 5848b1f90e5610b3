/* permessage-deflate: see ws/deflate.h. */
#include "ws/deflate.h"

#include "ws/piece.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum {
	LEVEL_DEFAULT = 6,
	MEM_LEVEL_DEFAULT = 8,
	TAIL_BYTES = 4,
	BETWEEN_BLOCKS = 128, /* in what inflate(3) says of where it stands */
};

/* What ends a message that was flushed, and is left out on the wire (RFC 7692, 7.2.1). */
static const char message_tail[TAIL_BYTES] = { 0x00, 0x00, (char)0xff, (char)0xff };

struct ouro_ws_deflater {
	struct ouro_ws_deflater *next; /* while idle */
	unsigned window_bits;
	z_stream zlib;
};

struct ouro_ws_inflater {
	struct ouro_ws_inflater *next; /* while idle */
	size_t tail_left;              /* of the tail that is still to be put behind the message */
	size_t piece_left;             /* of the piece, beyond what zlib was given */
	bool begun;                    /* the message has had a byte */
	bool ends;                     /* the piece is its last */
	bool held;                     /* there may be output for which there was no room */
	bool between;                  /* it stands between two blocks */
	z_stream zlib;
};

static uInt part(size_t len)
{
	return len < UINT_MAX ? (uInt)len : UINT_MAX;
}

static void destroy_deflater(struct ouro_ws_deflater *deflater)
{
	deflateEnd(&deflater->zlib);
	free(deflater);
}

static void destroy_inflater(struct ouro_ws_inflater *inflater)
{
	inflateEnd(&inflater->zlib);
	free(inflater);
}

void ouro_ws_codecs_fini(struct ouro_ws_codecs *codecs)
{
	assert(codecs->deflaters_used == 0);
	assert(codecs->inflaters_used == 0);
	while (codecs->deflaters) {
		struct ouro_ws_deflater *deflater = codecs->deflaters;

		codecs->deflaters = deflater->next;
		destroy_deflater(deflater);
	}
	while (codecs->inflaters) {
		struct ouro_ws_inflater *inflater = codecs->inflaters;

		codecs->inflaters = inflater->next;
		destroy_inflater(inflater);
	}
	codecs->deflaters_idle = 0;
	codecs->inflaters_idle = 0;
}

static struct ouro_ws_deflater *create_deflater(const struct ouro_ws_codec_options *options,
						unsigned window_bits)
{
	struct ouro_ws_deflater *deflater = calloc(1, sizeof(*deflater));
	int level = options->level ? options->level : LEVEL_DEFAULT;
	int mem_level = options->mem_level ? options->mem_level : MEM_LEVEL_DEFAULT;

	if (!deflater)
		return NULL;
	deflater->window_bits = window_bits;
	if (deflateInit2(&deflater->zlib, level, Z_DEFLATED, -(int)window_bits, mem_level,
			 Z_DEFAULT_STRATEGY) != Z_OK) {
		free(deflater);
		return NULL;
	}
	return deflater;
}

/* Takes an idle one with that window off the list, which is short: most connections agree. */
static struct ouro_ws_deflater *take_idle_deflater(struct ouro_ws_codecs *codecs,
						   unsigned window_bits)
{
	for (struct ouro_ws_deflater **at = &codecs->deflaters; *at; at = &(*at)->next) {
		struct ouro_ws_deflater *deflater = *at;

		if (deflater->window_bits == window_bits) {
			*at = deflater->next;
			codecs->deflaters_idle--;
			return deflater;
		}
	}
	return NULL;
}

struct ouro_ws_deflater *ouro_ws_deflater_lease(struct ouro_ws_codecs *codecs, unsigned window_bits)
{
	struct ouro_ws_deflater *deflater;

	assert(window_bits >= OURO_WS_DEFLATE_BITS_MIN && window_bits <= OURO_WS_WINDOW_BITS_MAX);
	if (codecs->deflaters_used >= codecs->options.deflaters_max)
		return NULL;
	deflater = take_idle_deflater(codecs, window_bits);
	if (!deflater)
		deflater = create_deflater(&codecs->options, window_bits);
	if (deflater)
		codecs->deflaters_used++;
	return deflater;
}

void ouro_ws_deflater_release(struct ouro_ws_codecs *codecs, struct ouro_ws_deflater *deflater)
{
	if (!deflater)
		return;
	assert(codecs->deflaters_used > 0);
	codecs->deflaters_used--;
	if (codecs->deflaters_idle >= codecs->options.idle_max) {
		destroy_deflater(deflater);
		return;
	}
	deflateReset(&deflater->zlib);
	deflater->next = codecs->deflaters;
	codecs->deflaters = deflater;
	codecs->deflaters_idle++;
}

void ouro_ws_chain_drop(struct ouro_ws_chain *chain)
{
	while (chain->first) {
		struct ouro_buf *buf = chain->first;

		chain->first = buf->next;
		ouro_buf_unref(buf);
	}
	*chain = (struct ouro_ws_chain){ 0 };
}

static bool add_piece(struct ouro_ws_chain *chain, struct ouro_pool *pieces)
{
	struct ouro_buf *buf = ouro_ws_piece_get(pieces);

	if (!buf)
		return false;
	if (chain->last)
		chain->last->next = buf;
	else
		chain->first = buf;
	chain->last = buf;
	return true;
}

/* Takes the tail off the end, which may lie in two buffers. */
static void cut_tail(struct ouro_ws_chain *chain)
{
	struct ouro_buf *buf = chain->first;
	size_t left;

	assert(chain->bytes > TAIL_BYTES);
	chain->bytes -= TAIL_BYTES;
	for (left = chain->bytes; left > buf->len; buf = buf->next)
		left -= buf->len;
	buf->len = (uint32_t)left;
	if (buf->next)
		ouro_buf_unref(buf->next);
	buf->next = NULL;
	chain->last = buf;
}

/* Runs zlib until @message is used up and flushed, or the output is as long as it was. */
static int deflate_all(struct ouro_ws_deflater *deflater, struct ouro_str message,
		       struct ouro_pool *pieces, struct ouro_ws_chain *chain)
{
	z_stream *zlib = &deflater->zlib;
	size_t left = message.len;

	zlib->next_in = (z_const Bytef *)(uintptr_t)message.ptr;
	zlib->avail_in = 0;
	do {
		struct ouro_buf *buf;

		if (chain->bytes >= message.len + TAIL_BYTES)
			return -EFBIG;
		if (!add_piece(chain, pieces))
			return -ENOMEM;
		buf = chain->last;
		zlib->next_out = (Bytef *)buf->data;
		zlib->avail_out = buf->size;
		do {
			left += zlib->avail_in;
			zlib->avail_in = part(left);
			left -= zlib->avail_in;
			deflate(zlib, left > 0 ? Z_NO_FLUSH : Z_SYNC_FLUSH);
		} while (zlib->avail_out > 0 && (left > 0 || zlib->avail_in > 0));
		buf->len = buf->size - zlib->avail_out;
		chain->bytes += buf->len;
	} while (zlib->avail_out == 0);
	return 0;
}

int ouro_ws_deflate(struct ouro_ws_deflater *deflater, struct ouro_str message,
		    struct ouro_pool *pieces, struct ouro_ws_chain *chain)
{
	int err;

	assert(message.len > 0);
	*chain = (struct ouro_ws_chain){ 0 };
	err = deflate_all(deflater, message, pieces, chain);
	if (!err) {
		cut_tail(chain);
		if (chain->bytes >= message.len)
			err = -EFBIG;
	}
	if (err)
		ouro_ws_chain_drop(chain);
	return err;
}

static struct ouro_ws_inflater *create_inflater(unsigned window_bits)
{
	struct ouro_ws_inflater *inflater = calloc(1, sizeof(*inflater));

	if (inflater && inflateInit2(&inflater->zlib, -(int)window_bits) != Z_OK) {
		free(inflater);
		return NULL;
	}
	return inflater;
}

struct ouro_ws_inflater *ouro_ws_inflater_lease(struct ouro_ws_codecs *codecs, unsigned window_bits)
{
	struct ouro_ws_inflater *inflater = codecs->inflaters;

	assert(window_bits >= OURO_WS_WINDOW_BITS_MIN && window_bits <= OURO_WS_WINDOW_BITS_MAX);
	if (codecs->inflaters_used >= codecs->options.inflaters_max)
		return NULL;
	if (inflater) {
		codecs->inflaters = inflater->next;
		codecs->inflaters_idle--;
	} else {
		inflater = create_inflater(window_bits);
		if (!inflater)
			return NULL;
	}
	inflateReset2(&inflater->zlib, -(int)window_bits);
	inflater->tail_left = 0;
	inflater->piece_left = 0;
	inflater->begun = false;
	inflater->ends = false;
	inflater->held = false;
	codecs->inflaters_used++;
	return inflater;
}

void ouro_ws_inflater_release(struct ouro_ws_codecs *codecs, struct ouro_ws_inflater *inflater)
{
	if (!inflater)
		return;
	assert(codecs->inflaters_used > 0);
	codecs->inflaters_used--;
	if (codecs->inflaters_idle >= codecs->options.idle_max) {
		destroy_inflater(inflater);
		return;
	}
	inflater->next = codecs->inflaters;
	codecs->inflaters = inflater;
	codecs->inflaters_idle++;
}

void ouro_ws_inflate_from(struct ouro_ws_inflater *inflater, struct ouro_str piece, bool last)
{
	assert(inflater->piece_left == 0 && inflater->tail_left == 0);
	inflater->zlib.next_in = (z_const Bytef *)(uintptr_t)piece.ptr;
	inflater->zlib.avail_in = 0;
	inflater->piece_left = piece.len;
	/* Nothing at all is no deflate, but what zlib makes of an empty message behind another one,
	 * so that many send it. */
	inflater->begun |= piece.len > 0;
	inflater->ends = last && inflater->begun;
	inflater->tail_left = inflater->ends ? TAIL_BYTES : 0;
	if (last)
		inflater->begun = false;
}

/* Gives zlib what comes next where it has used up what it had. False: there is nothing. */
static bool refill(struct ouro_ws_inflater *inflater)
{
	z_stream *zlib = &inflater->zlib;

	if (zlib->avail_in > 0)
		return true;
	if (inflater->piece_left > 0) {
		zlib->avail_in = part(inflater->piece_left);
		inflater->piece_left -= zlib->avail_in;
		return true;
	}
	if (inflater->tail_left == 0)
		return false;
	zlib->next_in = (z_const Bytef *)(uintptr_t)message_tail;
	zlib->avail_in = TAIL_BYTES;
	inflater->tail_left = 0;
	return true;
}

/* Runs zlib once. 0, -EBADMSG or -ENOMEM. */
static int inflate_once(struct ouro_ws_inflater *inflater)
{
	z_stream *zlib = &inflater->zlib;
	/* In the tail it is to stop behind the block that ends there: only then it says so. */
	bool in_tail = inflater->ends && inflater->tail_left == 0;
	int result = inflate(zlib, in_tail ? Z_BLOCK : Z_SYNC_FLUSH);

	inflater->held = zlib->avail_out == 0;
	/* Where nothing was done it stands where it stood, and says otherwise. */
	if (result != Z_BUF_ERROR)
		inflater->between = (zlib->data_type & BETWEEN_BLOCKS) != 0;
	/* A block may be marked as the last one (RFC 7692, 7.2.3.4); the next message refers to the
	 * window all the same. */
	if (result == Z_STREAM_END)
		result = inflateResetKeep(zlib);
	if (result == Z_MEM_ERROR)
		return -ENOMEM;
	return result == Z_OK || result == Z_BUF_ERROR ? 0 : -EBADMSG;
}

ssize_t ouro_ws_inflate(struct ouro_ws_inflater *inflater, char *out, size_t room)
{
	z_stream *zlib = &inflater->zlib;
	int err;

	assert(room > 0);
	zlib->next_out = (Bytef *)out;
	zlib->avail_out = part(room);
	room = zlib->avail_out;
	while (zlib->avail_out > 0 && (refill(inflater) || inflater->held)) {
		err = inflate_once(inflater);
		if (err)
			return err;
	}
	room -= zlib->avail_out;
	if (room == 0 && inflater->ends && !inflater->between)
		return -EBADMSG; /* it ends within a block */
	return (ssize_t)room;
}
