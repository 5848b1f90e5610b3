/* The body of one request, read part by part: what multipart.c knows of it, and upload.c, which takes the
 * parts somewhere. */
#ifndef OURO_SERVER_MULTIPART_H
#define OURO_SERVER_MULTIPART_H

#include "ouro/multipart.h"
#include "proto/multipart.h"

struct ouro_spill;

/* What is known of the body of one request; in its arena. */
struct ouro_multipart_reader {
	struct ouro_multipart_options limits; /* every zero replaced by its default */
	struct ouro_str rest;                 /* of the piece of the body that came last */
	struct ouro_buf *buf;                 /* holds it */
	struct ouro_buf *delimiter_buf;       /* the delimiter, for slices of it */
	int err;                              /* why no more can be read; 0: it can */
	bool in_part;                         /* data of it may come */
	bool had_part;
	bool ended;  /* the whole body has come */
	bool saving; /* data of it is on its way to a file */
	uint32_t part_count;
	uint64_t data_at;    /* index of the part's first byte in the body */
	uint64_t part_bytes; /* of its data, so far */

	/* Data on its way to memory or a file. It goes with the exchange, when no job uses it. */
	char *stage;
	size_t stage_len, stage_room;
	struct ouro_spill *spills; /* all files */

	bool collecting; /* ouro_multipart() was called */
	bool collected;
	struct ouro_part *parts;
	size_t parts_room;

	struct ouro_multipart_parser parser; /* last: it is large */
};

/* Begins with @options, which may be NULL: ctx->multipart is there then. 0 or as ouro/multipart.h says. */
int ouro_multipart_open(struct ouro_ctx *ctx, const struct ouro_multipart_options *options);

/* What the calls that follow do, whoever asks: ouro_multipart_next(); and ouro_part_read() with a view that
 * lives until the next one. */
int ouro_multipart_part(struct ouro_ctx *ctx, struct ouro_part *part);
ssize_t ouro_multipart_data(struct ouro_ctx *ctx, struct ouro_str *data);

/* What to return to those who go on behind @err; those who do so too often panic. */
int ouro_multipart_repeat(struct ouro_ctx *ctx, int err);

#endif
