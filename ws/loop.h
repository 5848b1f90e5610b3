/* What all WebSockets of one loop share: pools of all that is leased, and the way to ask the loop.
 * And what all those of one kind share: limits, policies, events. */
#ifndef OURO_WS_LOOP_H
#define OURO_WS_LOOP_H

#include "base/counters.h"
#include "base/pool.h"
#include "ouro/ws.h"
#include "ws/deflate.h"
#include "ws/frame.h"
#include "ws/piece.h"

/* What the loop is asked for; the functions get @arg. */
struct ouro_ws_host {
	uint32_t (*now_ms)(
		void *arg); /* its clock, cut to 32 bits, that of ouro_stream_check_at() */
	/* Whether receive buffers are scarce, so that what must be kept is copied out of @buf.
	 * NULL: never. */
	bool (*is_scarce)(void *arg, struct ouro_buf *buf);
	void *arg;
	struct ouro_counters *counters; /* for bytes_copied and ws_messages_dropped */
};

struct ouro_ws_loop_options {
	struct ouro_ws_codec_options codecs; /* with all numbers 0: 1024 of each kind, 16 idle */
	uint32_t machines_max;               /* wslay contexts in use at once; 0: 65536 */
	uint32_t machines_idle;              /* kept beyond those; 0: 64 */
};

struct ouro_ws_loop {
	struct ouro_ws_host host;
	struct ouro_ws_machines machines;
	struct ouro_ws_codecs codecs;
	struct ouro_pool pieces;
	struct ouro_bufpool joined; /* what messages are joined in */
	struct ouro_pool extras;
	struct ouro_pool inputs;
	struct ouro_pool outputs;
	uint32_t takeover_count; /* sessions that may keep a codec between messages */
};

void ouro_ws_loop_init(struct ouro_ws_loop *loop, const struct ouro_ws_host *host,
		       const struct ouro_ws_loop_options *options);

/* No session may be open, and no buffer that one gave out be referenced. */
void ouro_ws_loop_fini(struct ouro_ws_loop *loop);

/* Whether one more session may have context takeover: those that do hold at most half of the
 * codecs, for there must be some for the messages of all others. */
bool ouro_ws_loop_may_take_over(const struct ouro_ws_loop *loop);

/* Gives half of what was not needed since the last call back to the system. Called now and then. */
void ouro_ws_loop_trim(struct ouro_ws_loop *loop);

enum {
	/* What a message that waits takes besides its payload, about. */
	OURO_WS_OUTPUT_BYTES = 64,
};

/* Zeros are replaced by the defaults that are said. */
struct ouro_ws_endpoint_options {
	/* Payload of a received frame. 0: as of messages. */
	uint32_t frame_bytes_max;
	/* Of a received message, inflated too. 0: 1 MiB; at most 1 GiB. */
	uint32_t message_bytes_max;
	/* Inflated by compressed bytes, from 64 KiB on. 0: no limit but the one before. */
	uint32_t inflate_ratio_max;
	/* Smaller messages are sent without compression. 0: 256. */
	uint32_t deflate_bytes_min;
	/* Queued in the stream; one message may go beyond. 0: OURO_STREAM_PENDING_HIGH. With WAIT
	 * and DROP_OLD it is at least that, for below it streams do not say when there is room
	 * again. */
	uint32_t output_bytes_max;
	/* Waiting for room, or for a message in pieces to end; each message counts with
	 * OURO_WS_OUTPUT_BYTES more. 0: 256 KiB. */
	uint32_t queue_bytes_max;
	uint32_t ping_interval_ms; /* without input; 0: 30 s; OURO_WS_NEVER: no pings */
	/* After a ping without any input: reset; 0: 20 s. For the peer's close after ours: likewise;
	 * 0: 5 s. Both are given anew while the stream has output that the peer did not take. */
	uint32_t pong_timeout_ms;
	uint32_t close_timeout_ms;
	enum ouro_ws_overflow overflow;
};

struct ouro_ws_events;

struct ouro_ws_endpoint {
	struct ouro_ws_loop *loop;
	const struct ouro_ws_events *events; /* ws/session.h */
	struct ouro_ws_endpoint_options options;
	struct ouro_ws_rules rules;
};

/* Makes an endpoint of @loop; @events must outlive it. */
void ouro_ws_endpoint_init(struct ouro_ws_endpoint *endpoint, struct ouro_ws_loop *loop,
			   const struct ouro_ws_events *events,
			   const struct ouro_ws_endpoint_options *options);

#endif
