/* gzip and deflate, by zlib. */
#include "coding/library.h"
#include "coding/memory.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum {
	WINDOW_BITS = 15,
	GZIP = 16, /* added to the above: the frame is gzip's, not zlib's */
	ENCODER_MEMORY_LEVEL = 8,
	ENCODER_BYTES_MAX = 512 << 10,
	STAGE_BYTES_MAX = 64 << 10,
};

static_assert(ENCODER_BYTES_MAX <= OURO_ENCODER_BYTES_MAX, "promised");
static_assert(STAGE_BYTES_MAX <= OURO_DECODER_KEPT_BYTES_MAX, "all of it may be kept");

struct zlib_encoder {
	struct ouro_encoder base;
	struct ouro_coding_memory memory;
	z_stream zlib;
};

static voidpf zlib_alloc(voidpf memory, uInt count, uInt bytes)
{
	return ouro_coding_memory_alloc(memory, (size_t)count * bytes);
}

static void zlib_free(voidpf memory, voidpf ptr)
{
	ouro_coding_memory_free(memory, ptr);
}

static void zlib_init(z_stream *zlib, struct ouro_coding_memory *memory, size_t bytes_max)
{
	ouro_coding_memory_init(memory, bytes_max);
	*zlib = (z_stream){ .zalloc = zlib_alloc, .zfree = zlib_free, .opaque = memory };
}

/* What zlib counts in an unsigned int, one after the other. */
static uInt at_once(size_t len)
{
	return len < UINT_MAX ? (uInt)len : UINT_MAX;
}

static void lend(z_stream *zlib, struct ouro_str in, char *out, size_t room)
{
	zlib->next_in = (z_const Bytef *)in.ptr;
	zlib->avail_in = at_once(in.len);
	zlib->next_out = (Bytef *)out;
	zlib->avail_out = at_once(room);
}

/* Takes note of what was taken and written since lend(). */
static size_t take_back(z_stream *zlib, struct ouro_str *in, char *out)
{
	size_t taken = at_once(in->len) - zlib->avail_in;

	if (taken > 0) {
		in->ptr += taken;
		in->len -= taken;
	}
	return (size_t)((char *)zlib->next_out - out);
}

static int create_encoder(enum ouro_coding coding, int level, struct ouro_encoder **encoder)
{
	int bits = WINDOW_BITS + (coding == OURO_CODING_GZIP ? GZIP : 0);
	struct zlib_encoder *self = malloc(sizeof(*self));

	if (!self)
		return -ENOMEM;
	zlib_init(&self->zlib, &self->memory, ENCODER_BYTES_MAX);
	if (deflateInit2(&self->zlib, level, Z_DEFLATED, bits, ENCODER_MEMORY_LEVEL,
			 Z_DEFAULT_STRATEGY) != Z_OK) {
		ouro_coding_memory_fini(&self->memory);
		free(self);
		return -ENOMEM;
	}
	*encoder = &self->base;
	return 0;
}

static void destroy_encoder(struct ouro_encoder *encoder)
{
	struct zlib_encoder *self = (struct zlib_encoder *)encoder;

	deflateEnd(&self->zlib);
	ouro_coding_memory_fini(&self->memory);
	free(self);
}

static int reset_encoder(struct ouro_encoder *encoder)
{
	struct zlib_encoder *self = (struct zlib_encoder *)encoder;

	deflateReset(&self->zlib);
	return 0;
}

static enum ouro_encode run_encoder(struct ouro_encoder *encoder, struct ouro_str *in,
				    enum ouro_flush flush, char *out, size_t room, size_t *len)
{
	static const int flushes[] = {
		[OURO_FLUSH_NONE] = Z_NO_FLUSH,
		[OURO_FLUSH_SYNC] = Z_SYNC_FLUSH,
		[OURO_FLUSH_END] = Z_FINISH,
	};
	struct zlib_encoder *self = (struct zlib_encoder *)encoder;
	bool is_all = in->len <= UINT_MAX;
	int result;

	lend(&self->zlib, *in, out, room);
	result = deflate(&self->zlib, is_all ? flushes[flush] : Z_NO_FLUSH);
	*len = take_back(&self->zlib, in, out);
	if (flush == OURO_FLUSH_END)
		return result == Z_STREAM_END ? OURO_ENCODE_DONE : OURO_ENCODE_FULL;
	/* Z_BUF_ERROR: there was nothing to do, as after a call that had just enough room. */
	if (in->len > 0 || self->zlib.avail_out == 0)
		return OURO_ENCODE_FULL;
	return OURO_ENCODE_DONE;
}

static size_t encoder_bytes(const struct ouro_encoder *encoder)
{
	return sizeof(struct zlib_encoder) + ((const struct zlib_encoder *)encoder)->memory.bytes;
}

const struct ouro_encoder_ops ouro_zlib_encoder = {
	.create = create_encoder,
	.destroy = destroy_encoder,
	.reset = reset_encoder,
	.run = run_encoder,
	.bytes = encoder_bytes,
};

/* Where a stage is. */
enum place {
	BEGIN, /* nothing has come; of gzip, of this member */
	FRAME, /* deflate: the first byte may be zlib's, the second will tell */
	INSIDE,
	END,
};

struct zlib_stage {
	struct ouro_stage base;
	struct ouro_coding_memory memory;
	z_stream zlib;
	bool gzip;
	enum place place;
	char first; /* in FRAME: the first byte */
};

static int create_stage(enum ouro_coding coding, struct ouro_stage **stage)
{
	bool gzip = coding == OURO_CODING_GZIP;
	struct zlib_stage *self = malloc(sizeof(*self));

	if (!self)
		return -ENOMEM;
	zlib_init(&self->zlib, &self->memory, STAGE_BYTES_MAX);
	if (inflateInit2(&self->zlib, WINDOW_BITS + (gzip ? GZIP : 0)) != Z_OK) {
		ouro_coding_memory_fini(&self->memory);
		free(self);
		return -ENOMEM;
	}
	self->gzip = gzip;
	self->place = BEGIN;
	*stage = &self->base;
	return 0;
}

static void destroy_stage(struct ouro_stage *stage)
{
	struct zlib_stage *self = (struct zlib_stage *)stage;

	inflateEnd(&self->zlib);
	ouro_coding_memory_fini(&self->memory);
	free(self);
}

static int reset_stage(struct ouro_stage *stage)
{
	struct zlib_stage *self = (struct zlib_stage *)stage;

	inflateReset2(&self->zlib, WINDOW_BITS + (self->gzip ? GZIP : 0));
	self->place = BEGIN;
	return 0;
}

/* One call of zlib, whose result it returns. */
static int step_stage(struct zlib_stage *self, struct ouro_str *in, char *out, size_t room,
		      size_t *len)
{
	int result;

	lend(&self->zlib, *in, out, room);
	result = inflate(&self->zlib, Z_NO_FLUSH);
	*len = take_back(&self->zlib, in, out);
	return result;
}

/* Whether zlib's frame may begin with these (RFC 1950, 2.2); @second is -1 where it is not known. */
static bool is_zlib_frame(unsigned char first, int second)
{
	if ((first & 0x0f) != Z_DEFLATED || first >> 4 > WINDOW_BITS - 8)
		return false;
	return second < 0 || (first << 8 | second) % 31 == 0;
}

/* A stage of deflate begins: finds out by up to two bytes whether they are of zlib's frame or of
 * what that is a frame for. OURO_DECODE_FULL: it knows.
 *
 * A first byte that may be zlib's is, where it is not, the head of a stored block. Of neither zlib
 * can write anything before it has the next byte, so it takes this one alone. */
static enum ouro_decode begin_deflate(struct zlib_stage *self, struct ouro_str *in)
{
	struct ouro_str first = { &self->first, 1 };
	size_t len;
	char none;

	if (self->place == BEGIN && is_zlib_frame((unsigned char)*in->ptr, -1)) {
		self->first = *in->ptr++;
		in->len--;
		self->place = FRAME;
		if (in->len == 0)
			return OURO_DECODE_MORE;
	}
	if (self->place == BEGIN) {
		inflateReset2(&self->zlib, -WINDOW_BITS);
	} else {
		if (!is_zlib_frame((unsigned char)self->first, (unsigned char)*in->ptr))
			inflateReset2(&self->zlib, -WINDOW_BITS);
		if (step_stage(self, &first, &none, 1, &len) == Z_MEM_ERROR)
			return OURO_DECODE_NO_MEMORY;
	}
	self->place = INSIDE;
	return OURO_DECODE_FULL;
}

/* A member of gzip, or all of deflate, begins with what is in @in; OURO_DECODE_FULL where it did. */
static enum ouro_decode begin_inside(struct zlib_stage *self, struct ouro_str *in)
{
	if (!self->gzip)
		return self->place == END ? OURO_DECODE_MALFORMED : begin_deflate(self, in);
	inflateReset(&self->zlib);
	self->place = INSIDE;
	return OURO_DECODE_FULL;
}

/* Decodes up to the end of a member, of the input or of the room. */
static enum ouro_decode run_inside(struct zlib_stage *self, struct ouro_str *in, char *out,
				   size_t room, size_t *len)
{
	switch (step_stage(self, in, out, room, len)) {
	case Z_STREAM_END:
		self->place = END;
		return OURO_DECODE_DONE;
	case Z_OK:
	case Z_BUF_ERROR:
		return in->len > 0 || *len == room ? OURO_DECODE_FULL : OURO_DECODE_MORE;
	case Z_MEM_ERROR:
		return OURO_DECODE_NO_MEMORY;
	default: /* Z_DATA_ERROR, and Z_NEED_DICT, which nobody has agreed upon */
		return OURO_DECODE_MALFORMED;
	}
}

static enum ouro_decode run_stage(struct ouro_stage *stage, struct ouro_str *in, char *out,
				  size_t room, size_t *len)
{
	struct zlib_stage *self = (struct zlib_stage *)stage;
	enum ouro_decode step = OURO_DECODE_DONE;
	size_t wrote;

	*len = 0;
	while (self->place == INSIDE || in->len > 0) {
		if (self->place != INSIDE) {
			step = begin_inside(self, in);
			if (step != OURO_DECODE_FULL)
				return step;
		}
		step = run_inside(self, in, out + *len, room - *len, &wrote);
		*len += wrote;
		if (step != OURO_DECODE_DONE)
			return step;
		if (*len == room && in->len > 0)
			return OURO_DECODE_FULL;
	}
	return step;
}

const struct ouro_stage_ops ouro_zlib_stage = {
	.create = create_stage,
	.destroy = destroy_stage,
	.reset = reset_stage,
	.run = run_stage,
};
