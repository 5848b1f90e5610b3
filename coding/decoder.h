/* Encoded bytes into bytes, within limits: whoever sent them may mean harm. */
#ifndef OURO_CODING_DECODER_H
#define OURO_CODING_DECODER_H

#include "coding/coding.h"
#include "ouro/base.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How many codings may have been applied to one content, one on top of the other. */
#define OURO_DECODER_CODINGS_MAX 3

/* What each coding of a decoder may hold while it decodes: br has windows of up to 16 MiB, zstd of
 * up to 8 MiB in HTTP (RFC 9659), gzip and deflate of 32 KiB. The sender says how large its window
 * is; of that memory only what is decoded is ever touched. */
#define OURO_DECODER_BYTES_MAX (20u << 20)

/* What each coding of a decoder holds on to when it is reset. */
#define OURO_DECODER_KEPT_BYTES_MAX (512u << 10)

struct ouro_decoder;

/* What a decoder may give. The ratio is that of the bytes given so far to those taken; it counts
 * beyond @ratio_free_bytes, since the beginnings of honest texts may be very repetitive. */
struct ouro_decoder_limits {
	uint64_t bytes_max;
	uint32_t ratio_max; /* 0: no limit */
	uint64_t ratio_free_bytes;
};

enum ouro_decode {
	OURO_DECODE_MORE,      /* all input is taken, and all that came of it given */
	OURO_DECODE_FULL,      /* the room is used up, or there is more to say: call again */
	OURO_DECODE_DONE,      /* likewise, and the content may end here: where @last, it does */
	OURO_DECODE_MALFORMED, /* no such coding, or something behind its end */
	OURO_DECODE_TRUNCATED, /* @last, in the middle of the content */
	OURO_DECODE_TOO_LARGE, /* a limit was passed, or the window is larger than is allowed */
	OURO_DECODE_NO_MEMORY,
};

/* Makes a decoder of a content to which @count @codings were applied in this order, that of
 * Content-Encoding (RFC 9110, 8.4), so that the last one is taken off first. None of them is
 * identity, and @count is 1 to OURO_DECODER_CODINGS_MAX. Ready for its first content. -ENOMEM. */
int ouro_decoder_create(struct ouro_decoder **decoder, const enum ouro_coding *codings,
			size_t count, const struct ouro_decoder_limits *limits);

/* NULL is accepted. */
void ouro_decoder_destroy(struct ouro_decoder *decoder);

/* Makes it ready for another content, whatever became of the last one. Allocates nothing that it
 * has kept. -ENOMEM: then of use only for destroying, or for trying again. */
int ouro_decoder_reset(struct ouro_decoder *decoder, const struct ouro_decoder_limits *limits);

/* Takes bytes off the front of @in, and writes what comes of them at @out, which has room for
 * @room, at least 1; sets @len to how many it wrote. @last: nothing follows what is in @in.
 *
 * gzip may have several members (RFC 1952, 2.2), zstd several frames (RFC 8878, 3); they count as
 * one content. deflate may also be without the frame of zlib, as some send it against RFC 9110,
 * 8.4.1.2. No bytes at all are a complete content: nobody encoded what is not there.
 *
 * What came before something went wrong is given before that is said: from OURO_DECODE_MALFORMED on,
 * nothing was written. It must then be reset before it is used again.
 *
 * The limits hold for what is given, and for what each of several codings gives to the next, which
 * may pass @bytes_max by what a coding adds to bytes that it cannot make smaller. */
enum ouro_decode ouro_decoder_run(struct ouro_decoder *decoder, struct ouro_str *in, bool last,
				  char *out, size_t room, size_t *len);

#endif
