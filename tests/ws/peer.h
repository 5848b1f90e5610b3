/* The client's end of a session that echoes: what is sent, and what comes back. */
#ifndef OURO_TESTS_WS_PEER_H
#define OURO_TESTS_WS_PEER_H

#include "fake_stream.h"
#include "frames.h"
#include "ws/session.h"

/* A session over a fake stream, and what its events were. */
struct peer {
	struct fake_stream fake;
	struct ouro_ws_loop loop;
	struct ouro_ws_endpoint endpoint;
	struct ouro_ws_session session;
	bool quiet;            /* messages are not echoed */
	bool pauses;           /* after each message */
	struct bytes messages; /* all of them, each as a frame of a server's */
	struct bytes pings, pongs;
	size_t message_count, piece_count, drain_count, closing_count, close_count;
	struct ouro_ws_end end;
	char reason[OURO_WS_REASON_BYTES_MAX];
};

/* Messages come joined, or in pieces. */
extern const struct ouro_ws_events peer_joined, peer_pieces;

/* Opens a session; @options and @deflate may be NULL. */
void peer_open(struct peer *peer, const struct ouro_ws_events *events,
	       const struct ouro_ws_endpoint_options *options,
	       const struct ouro_ws_deflate_params *deflate);

/* Whose session it is. */
struct peer *peer_of(struct ouro_ws_session *session);

/* Ends what has not ended, and checks that nothing is leaked. */
/* How many of the loop's buffers for joining are in use. */
unsigned peer_joined_count(const struct peer *peer);

void peer_fini(struct peer *peer);

/* Makes @pool one that is out of memory: what it would need next cannot be mapped. Returns what it
 * was, to be put back. */
struct ouro_pool break_pool(struct ouro_pool *pool);

/* Sends a frame as a client does. */
void peer_send(struct peer *peer, unsigned first, const char *payload, size_t len);

/* Expects that all that was written, since it was last asked, are these frames, the last of which
 * has @first 0. */
void expect_written(struct peer *peer, const struct frame *frames);

/* Expects that the session is over, or gets there when the stream closes, with that end. */
void expect_end(struct peer *peer, enum ouro_close how, unsigned code, bool clean);

/* What is expected of a session that echoes @input. */
struct play {
	const char *name;
	struct bytes input;
	struct bytes output;
	unsigned code;
	bool clean;
	const struct ouro_ws_endpoint_options *options;
};

/* Plays the input whole, cut at every byte (some 2,000 cuts where it is longer), and in pieces of
 * one and three bytes; with messages joined and in pieces; fails the test where one does not give
 * what is expected. */
void expect_play(const struct play *play);

#endif
