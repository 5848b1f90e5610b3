/* The opening handshake of a WebSocket (RFC 6455, 4.2), from a request to its 101 or its refusal. */
#include "base/str.h"
#include "server/respond.h"
#include "server/server_private.h"
#include "server/ws.h"
#include "ws/handshake.h"

#include <errno.h>

enum {
	NAMES_MAX = 32, /* subprotocols, or origins */
	MESSAGE_BYTES_MOST = 1024 * 1024 * 1024,
};

/* What a handshake has come to. */
struct handshake {
	const struct ouro_ws_options *options;
	struct ouro_str protocols[NAMES_MAX], origins[NAMES_MAX];
	size_t protocol_count, origin_count;
	const char *protocol;
	struct ouro_ws_deflate_params deflate;
	struct ouro_ws_deflate_wishes wishes;
	char accept[OURO_WS_ACCEPT_BYTES];
	int err; /* of a walk over fields */
};

static int refuse(struct ouro_ctx *ctx, unsigned status, const char *detail, int err)
{
	int answered = ouro_error(ctx, status, detail);

	return answered ? answered : err;
}

/* RFC 6455, 4.4, and RFC 9110, 15.5.22: what the client has to ask for instead. */
static int refuse_version(struct ouro_ctx *ctx)
{
	int err = ouro_set_header(ctx, "upgrade", OURO_STR("websocket"));

	if (!err)
		err = ouro_set_header(ctx, "sec-websocket-version", OURO_STR("13"));
	if (err)
		return refuse(ctx, 503, "out of memory", -ENOMEM);
	ctx->upgrading = true;
	return refuse(ctx, 426, "this is for WebSockets of version 13", -EPROTONOSUPPORT);
}

/* The strings of @names, which ends with NULL. 0 or -EINVAL. */
static int read_names(const char *const *names, struct ouro_str *out, size_t *count)
{
	*count = 0;
	for (; names && *names; names++) {
		if (*count == NAMES_MAX)
			return -EINVAL;
		out[(*count)++] = ouro_str_c(*names);
	}
	return 0;
}

static bool read_extensions(void *arg, struct ouro_str name, struct ouro_str value)
{
	struct handshake *shake = arg;

	(void)name;
	shake->err = ouro_ws_negotiate_deflate(value, &shake->wishes, &shake->deflate);
	return !shake->err && !shake->deflate.enabled;
}

/* The program's own string is kept, for the client's goes with the request. */
static bool read_protocols(void *arg, struct ouro_str name, struct ouro_str value)
{
	struct handshake *shake = arg;
	struct ouro_str chosen =
		ouro_ws_choose_protocol(value, shake->protocols, shake->protocol_count);

	(void)name;
	for (size_t i = 0; chosen.ptr && i < shake->protocol_count; i++)
		if (ouro_str_eq(chosen, shake->protocols[i])) {
			shake->protocol = shake->options->protocols[i];
			return false;
		}
	return true;
}

static bool count(void *arg, struct ouro_str name, struct ouro_str value)
{
	unsigned *times = arg;

	(void)name;
	(void)value;
	return ++*times < 2;
}

/* RFC 6455, 11.3.1 and 11.3.5, and RFC 6454, 7.3. Others on the way might look at the other one. */
static bool is_any_repeated(struct ouro_ctx *ctx)
{
	static const char *const names[] = { "sec-websocket-key", "sec-websocket-version",
					     "origin" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		unsigned times = 0;

		ouro_header_each(ctx, names[i], count, &times);
		if (times > 1)
			return true;
	}
	return false;
}

/* Looks at what the client asks for. 0, or it was refused. */
static int check(struct ouro_ctx *ctx, struct handshake *shake)
{
	const enum ouro_ws_deflate deflate = shake->options->deflate;
	bool each = deflate == OURO_WS_DEFLATE_EACH ||
		    !ouro_ws_loop_may_take_over(&ctx->worker->ws);

	if (!ouro_str_eq(ouro_method(ctx), OURO_STR("GET")) || !ctx->parser.upgrade ||
	    !ouro_str_has_token(ouro_header_at(ctx, OURO_FIELD_UPGRADE), OURO_STR("websocket")) ||
	    !ouro_ws_version_is_known(ouro_header(ctx, "sec-websocket-version")))
		return refuse_version(ctx);
	if (ctx->request != OURO_REQUEST_DONE)
		return refuse(ctx, 400, "a handshake has no body", -EBADMSG);
	if (is_any_repeated(ctx))
		return refuse(ctx, 400, "a field of the handshake is there twice", -EBADMSG);
	shake->err = ouro_ws_accept_key(ouro_header(ctx, "sec-websocket-key"), shake->accept);
	if (shake->err == -EINVAL)
		return refuse(ctx, 400, "the Sec-WebSocket-Key is malformed", -EBADMSG);
	if (shake->err)
		return refuse(ctx, 503, "out of memory", -ENOMEM);
	if (!ouro_ws_origin_is_allowed(ouro_header(ctx, "origin"), ouro_host(ctx), shake->origins,
				       shake->origin_count))
		return refuse(ctx, 403, "pages of this origin may not connect", -EACCES);
	ouro_header_each(ctx, "sec-websocket-protocol", read_protocols, shake);
	shake->wishes.server_no_context_takeover = each;
	shake->wishes.client_no_context_takeover = each;
	if (deflate != OURO_WS_DEFLATE_OFF)
		ouro_header_each(ctx, "sec-websocket-extensions", read_extensions, shake);
	if (shake->err)
		return refuse(ctx, 400, "the Sec-WebSocket-Extensions are malformed", -EBADMSG);
	return 0;
}

/* Adds the fields of the 101. 0, -E2BIG or -ENOMEM. */
static int set_fields(struct ouro_ctx *ctx, const struct handshake *shake)
{
	char extension[OURO_WS_EXTENSION_BYTES_MAX];
	size_t len = ouro_ws_write_extension(&shake->deflate, extension);
	int err = ouro_set_header(ctx, "upgrade", OURO_STR("websocket"));

	if (!err)
		err = ouro_set_header(ctx, "sec-websocket-accept",
				      ouro_str(shake->accept, OURO_WS_ACCEPT_BYTES));
	if (!err && shake->protocol)
		err = ouro_set_header(ctx, "sec-websocket-protocol", ouro_str_c(shake->protocol));
	if (!err && len > 0)
		err = ouro_set_header(ctx, "sec-websocket-extensions", ouro_str(extension, len));
	return err;
}

static int switch_protocols(struct ouro_ctx *ctx, const struct handshake *shake)
{
	int err = set_fields(ctx, shake);

	if (err)
		return err;
	ctx->upgrading = true;
	return ouro_answer_write_head(ctx, 101, (struct ouro_str){ 0 }, OURO_FRAMING_NONE, 0,
				      OURO_STR(""));
}

static int accept_it(struct ouro_ctx *ctx, const struct handshake *shake)
{
	const struct ouro_ws_options *given = shake->options;
	const struct ouro_ws_endpoint_options options = {
		.frame_bytes_max = given->frame_bytes_max,
		.message_bytes_max = given->message_bytes_max,
		.inflate_ratio_max = given->inflate_ratio_max,
		.deflate_bytes_min = given->deflate_bytes_min,
		.output_bytes_max = given->output_bytes_max,
		.queue_bytes_max = given->queue_bytes_max,
		.ping_interval_ms = given->ping_interval_ms,
		.pong_timeout_ms = given->pong_timeout_ms,
		.close_timeout_ms = given->close_timeout_ms,
		.overflow = given->overflow,
	};
	const struct ouro_ws_callbacks callbacks = { given->on_open, given->on_message,
						     given->on_drain, given->on_close,
						     given->on_gap };
	struct ouro_ws_conn *conn =
		ouro_ws_conn_create(ctx->worker, &options, &callbacks, shake->protocol);
	int err = conn ? switch_protocols(ctx, shake) : -ENOMEM;

	if (err) {
		ctx->upgrading = false;
		if (conn)
			ouro_ws_conn_destroy(conn);
		if (err != -ENOTCONN)
			refuse(ctx, 503, "there is no room for it", 0);
		return err == -ENOTCONN ? err : -ENOMEM;
	}
	ouro_counter_add(&ctx->worker->loop.counters.ws_upgrades, 1);
	ctx->response = OURO_RESPONSE_DONE;
	ctx->status = 101;
	ouro_ws_conn_open(conn, ctx, &shake->deflate);
	return 0;
}

/* Whether the clock, which is cut to 32 bits, can tell that @ms are over. */
static bool is_time(uint32_t ms)
{
	return ms <= INT32_MAX;
}

static bool are_in_range(const struct ouro_ws_options *options)
{
	return options->message_bytes_max <= MESSAGE_BYTES_MOST &&
	       (is_time(options->ping_interval_ms) || options->ping_interval_ms == OURO_WS_NEVER) &&
	       is_time(options->pong_timeout_ms) && is_time(options->close_timeout_ms) &&
	       (unsigned)options->overflow <= OURO_WS_OVERFLOW_CLOSE &&
	       (unsigned)options->deflate <= OURO_WS_DEFLATE_OFF;
}

int ouro_ws_accept(struct ouro_ctx *ctx, const struct ouro_ws_options *options)
{
	static const struct ouro_ws_options defaults;
	struct handshake shake = { .options = options ? options : &defaults };
	int err = ouro_answer_may_begin(ctx, 200);

	if (err)
		return err;
	if (!are_in_range(shake.options) ||
	    read_names(shake.options->protocols, shake.protocols, &shake.protocol_count) ||
	    read_names(shake.options->origins, shake.origins, &shake.origin_count))
		return -EINVAL;
	err = check(ctx, &shake);
	if (err)
		return err;
	if (ctx->closing || ctx->cancelled)
		return -ENOTCONN;
	if (ctx->worker->draining)
		return refuse(ctx, 503, "the server is going away", -ESHUTDOWN);
	return accept_it(ctx, &shake);
}
