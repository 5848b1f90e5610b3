/* A stream that a test holds both ends of: what is written is collected, what is to come in is
 * given by hand, time passes when told. */
#ifndef OURO_TESTS_WS_FAKE_STREAM_H
#define OURO_TESTS_WS_FAKE_STREAM_H

#include "base/stream.h"
#include "ws/loop.h"

struct fake_stream {
	struct ouro_stream stream; /* first */
	char *out;                 /* all that was written */
	size_t out_len, out_room;
	size_t pending; /* of it, not taken by the peer */
	size_t writes;  /* slices that were referred to */
	bool holds;     /* the peer takes nothing by itself */
	bool was_high;  /* as of OURO_STREAM_PENDING_HIGH */
	bool refuses;   /* there is no memory */
	bool reading;
	bool closing, closed;
	enum ouro_close how;
	uint32_t now_ms, check_ms; /* 0: no check was asked for */
	bool is_scarce;            /* receive buffers are */
	struct ouro_ws_host host;
	struct ouro_counters counters;
	char reservation[OURO_STREAM_RESERVE_MAX];
	size_t reserved;
};

void fake_init(struct fake_stream *fake);

void fake_fini(struct fake_stream *fake);

/* Gives @len bytes in a buffer of their own that has not one byte more. */
void fake_input(struct fake_stream *fake, const char *data, size_t len);

/* The peer's FIN. */
void fake_end(struct fake_stream *fake);

/* Lets @ms pass, and has the time that was asked for come. */
void fake_pass(struct fake_stream *fake, uint32_t ms);

/* The peer takes all that is pending. */
void fake_drain(struct fake_stream *fake);

/* The stream's end, if it is closing or @error is not 0. */
void fake_close(struct fake_stream *fake, int error);

#endif
