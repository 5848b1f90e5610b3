/* What WebSockets share: see ws/loop.h. */
#include "ws/loop.h"

#include "base/stream.h"
#include "ws/session_private.h"

#include <assert.h>

enum {
	MACHINES_MAX = 65536,
	MACHINES_IDLE = 64,
	CODECS_MAX = 1024,
	CODECS_IDLE = 16,
	MESSAGE_BYTES_MAX = 1 << 20,
	MESSAGE_BYTES_MOST = 1 << 30,
	DEFLATE_BYTES_MIN = 256,
	QUEUE_BYTES_MAX = 256 * 1024,
	PING_INTERVAL_MS = 30 * 1000,
	PONG_TIMEOUT_MS = 20 * 1000,
	CLOSE_TIMEOUT_MS = 5 * 1000,
};

static uint32_t or_default(uint32_t value, uint32_t otherwise)
{
	return value ? value : otherwise;
}

void ouro_ws_loop_init(struct ouro_ws_loop *loop, const struct ouro_ws_host *host,
		       const struct ouro_ws_loop_options *options)
{
	struct ouro_ws_codec_options codecs = options->codecs;

	codecs.deflaters_max = or_default(codecs.deflaters_max, CODECS_MAX);
	codecs.inflaters_max = or_default(codecs.inflaters_max, CODECS_MAX);
	codecs.idle_max = or_default(codecs.idle_max, CODECS_IDLE);
	*loop = (struct ouro_ws_loop){
		.host = *host,
		.machines = { .used_max = or_default(options->machines_max, MACHINES_MAX),
			      .idle_max = or_default(options->machines_idle, MACHINES_IDLE) },
		.codecs = { .options = codecs },
	};
	ouro_ws_pieces_init(&loop->pieces);
	ouro_bufpool_init(&loop->joined);
	ouro_pool_init(&loop->extras, sizeof(struct ouro_ws_extra));
	ouro_pool_init(&loop->inputs, sizeof(struct ouro_inq_item));
	ouro_pool_init(&loop->outputs, sizeof(struct ouro_ws_output));
}

void ouro_ws_loop_fini(struct ouro_ws_loop *loop)
{
	ouro_ws_machines_fini(&loop->machines);
	ouro_ws_codecs_fini(&loop->codecs);
	ouro_pool_fini(&loop->pieces);
	ouro_bufpool_fini(&loop->joined);
	ouro_pool_fini(&loop->extras);
	ouro_pool_fini(&loop->inputs);
	ouro_pool_fini(&loop->outputs);
}

bool ouro_ws_loop_may_take_over(const struct ouro_ws_loop *loop)
{
	const struct ouro_ws_codec_options *options = &loop->codecs.options;

	return loop->takeover_count < options->inflaters_max / 2 &&
	       loop->takeover_count < options->deflaters_max / 2;
}

void ouro_ws_loop_trim(struct ouro_ws_loop *loop)
{
	ouro_pool_trim(&loop->pieces);
	ouro_bufpool_trim(&loop->joined);
	ouro_pool_trim(&loop->extras);
	ouro_pool_trim(&loop->inputs);
	ouro_pool_trim(&loop->outputs);
}

static bool needs_drain(enum ouro_ws_overflow overflow)
{
	return overflow == OURO_WS_OVERFLOW_WAIT || overflow == OURO_WS_OVERFLOW_DROP_OLD;
}

void ouro_ws_endpoint_init(struct ouro_ws_endpoint *endpoint, struct ouro_ws_loop *loop,
			   const struct ouro_ws_events *events,
			   const struct ouro_ws_endpoint_options *options)
{
	struct ouro_ws_endpoint_options *own = &endpoint->options;

	*endpoint =
		(struct ouro_ws_endpoint){ .loop = loop, .events = events, .options = *options };
	own->message_bytes_max = or_default(own->message_bytes_max, MESSAGE_BYTES_MAX);
	own->frame_bytes_max = or_default(own->frame_bytes_max, own->message_bytes_max);
	own->deflate_bytes_min = or_default(own->deflate_bytes_min, DEFLATE_BYTES_MIN);
	own->output_bytes_max = or_default(own->output_bytes_max, OURO_STREAM_PENDING_HIGH);
	own->queue_bytes_max = or_default(own->queue_bytes_max, QUEUE_BYTES_MAX);
	own->ping_interval_ms = or_default(own->ping_interval_ms, PING_INTERVAL_MS);
	own->pong_timeout_ms = or_default(own->pong_timeout_ms, PONG_TIMEOUT_MS);
	own->close_timeout_ms = or_default(own->close_timeout_ms, CLOSE_TIMEOUT_MS);
	assert(own->message_bytes_max <= MESSAGE_BYTES_MOST);
	if (needs_drain(own->overflow) && own->output_bytes_max < OURO_STREAM_PENDING_HIGH)
		own->output_bytes_max = OURO_STREAM_PENDING_HIGH;
	endpoint->rules = (struct ouro_ws_rules){
		.machines = &loop->machines,
		.frame_bytes_max = own->frame_bytes_max,
		.message_bytes_max = own->message_bytes_max,
	};
}
