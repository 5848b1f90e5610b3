/* WebSockets (RFC 6455): a handler that accepts one goes on with the same context, in a straight line,
 * or leaves its connection to callbacks and returns.
 *
 * From then on the connection's messages are the handler's, and HTTP's timeouts but write_timeout_ms
 * are over, handler_timeout_ms too. Pings are answered, and sent, by the engine. A server that drains
 * closes its WebSockets with 1001 (Going Away). */
#ifndef OURO_WS_H
#define OURO_WS_H

#include "ouro/context.h"

#ifdef __cplusplus
extern "C" {
#endif

/* RFC 6455, 5.2. Messages are OURO_WS_TEXT or OURO_WS_BINARY. */
enum ouro_ws_opcode {
	OURO_WS_CONTINUATION = 0,
	OURO_WS_TEXT = 1,
	OURO_WS_BINARY = 2,
	OURO_WS_CLOSE = 8,
	OURO_WS_PING = 9,
	OURO_WS_PONG = 10,
};

/* RFC 6455, 7.4. An application's own are 4000 to 4999. */
enum ouro_ws_code {
	OURO_WS_CODE_NORMAL = 1000,
	OURO_WS_CODE_GOING_AWAY = 1001,
	OURO_WS_CODE_PROTOCOL_ERROR = 1002,
	OURO_WS_CODE_UNSUPPORTED = 1003,
	OURO_WS_CODE_NONE = 1005,     /* never sent: the peer gave no code */
	OURO_WS_CODE_ABNORMAL = 1006, /* never sent: the connection went without a close */
	OURO_WS_CODE_BAD_DATA = 1007,
	OURO_WS_CODE_POLICY = 1008,
	OURO_WS_CODE_TOO_BIG = 1009,
	OURO_WS_CODE_INTERNAL = 1011,
	OURO_WS_CODE_RESTART = 1012, /* 1012..1014: registered with IANA since */
	OURO_WS_CODE_TRY_LATER = 1013,
	OURO_WS_CODE_BAD_GATEWAY = 1014,
};

/* What becomes of a message where output_bytes_max are queued already. What a room brings (ouro/rooms.h)
 * has no sender who would be told: one that is slow holds up nobody else. */
enum ouro_ws_overflow {
	/* Who sends it waits on a fiber; else -EAGAIN, and on_drain when there is room. What a room
	 * brings does not wait, it is dropped. */
	OURO_WS_OVERFLOW_WAIT,
	OURO_WS_OVERFLOW_DROP_NEW, /* it is dropped: -ENOBUFS */
	OURO_WS_OVERFLOW_DROP_OLD, /* it is queued; older ones that wait may be dropped for it */
	/* The connection is closed with 1008: -ENOBUFS. (1009 would say that what the peer sent
	 * was too big.) */
	OURO_WS_OVERFLOW_CLOSE,
};

/* Compression (permessage-deflate, RFC 7692), where the client offers it. */
enum ouro_ws_deflate {
	OURO_WS_DEFLATE_EACH,     /* each message by itself: no memory is held between two */
	OURO_WS_DEFLATE_TAKEOVER, /* messages refer to those before: smaller, and some 300 KB of
				   * memory for each connection that compresses; up to 512
				   * connections of a worker, those beyond have EACH */
	OURO_WS_DEFLATE_OFF,
};

#define OURO_WS_NEVER UINT32_MAX

struct ouro_ws_message {
	enum ouro_ws_opcode type;
	struct ouro_str data;
	struct ouro_slice slice; /* the same, for ouro_ws_send_slice(), which does not copy */
};

typedef void (*ouro_ws_message_fn)(struct ouro_ctx *ctx, const struct ouro_ws_message *message);
typedef void (*ouro_ws_gap_fn)(struct ouro_ctx *ctx, struct ouro_str topic);

/* Zero is the default of each. Times are of at most INT32_MAX ms. */
struct ouro_ws_options {
	uint32_t message_bytes_max; /* received, and inflated; 1 MiB, at most 1 GiB: else 1009 */
	uint32_t frame_bytes_max; /* of a received frame, as it comes; what its message may have */
	uint32_t inflate_ratio_max; /* inflated by compressed bytes, from 64 KiB on; no limit */
	uint32_t deflate_bytes_min; /* 256; smaller messages are sent without compression */
	uint32_t output_bytes_max;  /* queued for sending; 256 KiB; one message may go beyond */
	uint32_t queue_bytes_max;   /* 256 KiB; of OURO_WS_OVERFLOW_DROP_OLD, waiting for room;
				     * a message counts with 64 bytes more than it has */
	enum ouro_ws_overflow overflow;
	uint32_t ping_interval_ms; /* 30000, without input; OURO_WS_NEVER: no pings */
	/* 20000, after a ping without any input: the connection is reset. And: 5000, for the client's
	 * close after ours, likewise. Both begin when no output waits before it any more; a client
	 * that takes none is reset after write_timeout_ms, and one that is closed for being slow
	 * (OURO_WS_OVERFLOW_CLOSE) in any case after close_timeout_ms. */
	uint32_t pong_timeout_ms;
	uint32_t close_timeout_ms;
	enum ouro_ws_deflate deflate;
	/* Subprotocols that are spoken, and origins ("https://example.com", "*") whose pages may
	 * connect: up to 32 C strings and NULL. NULL: none, and pages of the same host. The
	 * strings of @protocols must outlive the connection. */
	const char *const *protocols;
	const char *const *origins;
	/* Callback style, where @on_message is set: the handler returns after it accepted, and the
	 * connection then takes neither a fiber nor a context; each callback gets one for the call. In
	 * it there is no request to be looked at, ouro_data() is what ouro_set_data() left, and
	 * what waits returns -EDEADLK. Those with on_after or a ouro_ref keep their context. One
	 * that panics closes with 1011. The others may be NULL. */
	ouro_handler_fn on_open;       /* the handler has returned, or waits for something else */
	ouro_ws_message_fn on_message; /* @message lives for the call */
	ouro_handler_fn on_drain;      /* after -EAGAIN: there is room again */
	ouro_handler_fn on_close;      /* the last one, in any case; nothing can be sent any more */
	/* In either style; may be NULL. Messages of @topic, which lives for the call, that this
	 * client should have had are lost, and what comes from now on is behind the gap: it went on
	 * from an id that is not kept any more, the server could not keep up, or the client was slow
	 * and they were dropped for it. The last is told when there is room again, before the next
	 * message; older ones that OURO_WS_OVERFLOW_DROP_OLD drops are not told. In a straight line it
	 * is called while the handler waits, and cannot wait itself. */
	ouro_ws_gap_fn on_gap;
};

/* Answers the request with 101 and makes its connection a WebSocket; or answers that it cannot be one.
 * Fields that were set (ouro_set_header()) go with either; response hooks do not see a 101. @options may
 * be NULL; it is copied but for what it points to. 0; -EPROTONOSUPPORT: it does not ask for a WebSocket
 * of version 13 (426 was answered); -EBADMSG: its handshake is malformed (400); -EACCES: its page's
 * origin is not allowed (403); -ESHUTDOWN: the server is draining (503); -ENOMEM (503); -EINVAL: an option
 * is out of range, and nothing was answered; -EALREADY where an answer was begun; -ENOTCONN. RFC 6455, 4.2. */
OURO_API int ouro_ws_accept(struct ouro_ctx *ctx, const struct ouro_ws_options *options);

/* The subprotocol that was chosen, a C string; NULL: none. */
OURO_API const char *ouro_ws_protocol(const struct ouro_ctx *ctx);

/* Waits for the next message, which lives until the next call or the handler's end. While nobody waits up
 * to 64 of them, or 64 KiB, are kept, then the client has to wait. 0; -ENOTCONN when the WebSocket is closed
 * and no message is left; -EINVAL where it was not accepted, or in callback style; -EDEADLK where the
 * caller is not on a fiber. One that goes on calling 100 times after it was closed panics. */
OURO_API int ouro_ws_recv(struct ouro_ctx *ctx, struct ouro_ws_message *message);

/* Sends a message: @data is copied; the slice's buffer is referred to. @data of OURO_WS_TEXT must be UTF-8,
 * which the client checks. 0; -ENOTCONN where it is closed or closing; -EAGAIN and -ENOBUFS by policy; -EINVAL
 * where @type is neither, it was not accepted, or it has 4 GiB; -EBUSY where what waits for room fills
 * queue_bytes_max; -ENOMEM. */
OURO_API int ouro_ws_send(struct ouro_ctx *ctx, enum ouro_ws_opcode type, struct ouro_str data);
OURO_API int ouro_ws_send_slice(struct ouro_ctx *ctx, enum ouro_ws_opcode type,
				struct ouro_slice slice);

/* Sends a ping of its own. 0; -EINVAL where @payload has over 125 bytes or it was not accepted; -ENOTCONN. */
OURO_API int ouro_ws_ping(struct ouro_ctx *ctx, struct ouro_str payload);

/* Begins to close, behind what is queued: with @code, or none where it is 0, and @reason. What comes from
 * now on is dropped; ouro_ws_recv() then waits for the client's close. A handler in a straight line
 * that returns closes with 1000, one that panics with 1011. 0; -EINVAL where @code may not be sent, @reason has
 * over 123 bytes, is no UTF-8 or has no code, or it was not accepted; -ENOTCONN. */
OURO_API int ouro_ws_close(struct ouro_ctx *ctx, unsigned code, struct ouro_str reason);

/* How it was closed: the client's code and reason, the code that the engine refused its bytes with, or
 * OURO_WS_CODE_ABNORMAL; once it is closed (ouro_ws_recv(), on_close), 0 and empty before. */
OURO_API unsigned ouro_ws_close_code(const struct ouro_ctx *ctx);
OURO_API struct ouro_str ouro_ws_close_reason(const struct ouro_ctx *ctx);

#ifdef __cplusplus
}
#endif

#endif
