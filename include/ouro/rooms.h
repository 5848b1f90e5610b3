/* Rooms: topics that clients subscribe to, as event streams (ouro/sse.h) or WebSockets (ouro/ws.h), and
 * anybody publishes to, on whatever thread either is.
 *
 * What is published to a topic comes to all its subscribers once, in one order. It is encoded once for each
 * kind of them, and the same bytes go to all. One that is slow loses messages, or is closed, as its options
 * say, and holds up nobody else.
 *
 * The latest messages of a topic are kept: an event stream whose client comes back with Last-Event-ID gets
 * what it has missed, as does anyone who is subscribed from an id on; where that is not there any more, the
 * gap is told before what there is: to an event stream as an event "gap" (with empty data), to the handler of
 * a WebSocket by on_gap.
 *
 * A group is a topic. So is a single client: subscribe each to a name of its own, such as "user/ada", and
 * publish there to reach it, on however many devices it is; 0 subscribers is the answer that it is not there.
 *
 * Bounds are options of the server (ouro/server.h): topics_max and those behind it. */
#ifndef OURO_ROOMS_H
#define OURO_ROOMS_H

#include "ouro/context.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
	OURO_SUBSCRIPTIONS_MAX = 64, /* of one client */
	OURO_TOPIC_BYTES_MAX = 256,  /* of a topic's name */
};

enum ouro_message_type {
	OURO_MESSAGE_TEXT,   /* UTF-8, which the publisher answers for */
	OURO_MESSAGE_BINARY, /* event streams cannot carry it: their clients are told of a gap */
};

/* Every field but the type may be absent. */
struct ouro_message {
	enum ouro_message_type type;
	struct ouro_str data;
	struct ouro_str event; /* its name, as of an event (ouro/sse.h) */
	/* The publisher's own id, which no other message of the topic has: else what came behind the
	 * first of them is sent again to who comes back. Absent: it gets one, a time and a number,
	 * greater than those before in its topic. An event has it; a WebSocket is sent the data alone,
	 * so that clients who are to come back with it must find it there. */
	struct ouro_str id;
	/* Of the messages with one key, a client that is slow needs the newest only
	 * (OURO_SSE_SLOW_COALESCE). */
	struct ouro_str key;
};

/* Subscribes the event stream that @ctx has begun, or the WebSocket that it has accepted, to @topic, whose
 * name is copied. From then on messages come in between what the handler sends.
 *
 * An event stream goes on when the handler has returned; nothing of it runs then, and no fiber is held. A
 * WebSocket gets the data of each message, and leaves its rooms when it begins to close; in callback style
 * any of its callbacks may subscribe and unsubscribe it.
 *
 * Where an event stream's request has Last-Event-ID, what came after that id comes first. That id is of one topic: of
 * others that a stream has besides, it is but a time, which what was published just then may miss, and where
 * they have nothing so late they tell of a gap. A client that is to miss nothing has one stream for each.
 *
 * 0. -EALREADY: it is subscribed. -EINVAL: neither was begun, or the name is empty. -EPIPE: it has ended or
 * is closing, or was asked for with HEAD. -ECANCELED: the client has gone, or the server stops. -ENAMETOOLONG.
 * -E2BIG: more than OURO_SUBSCRIPTIONS_MAX. -ENOSPC: there are too many topics. -EUSERS: the topic has too
 * many subscribers. -ENOMEM. */
OURO_API int ouro_subscribe(struct ouro_ctx *ctx, struct ouro_str topic);

/* The same, with what was published after the message with @id first, whatever Last-Event-ID says. Absent or
 * empty: with what is published from now on. -EMSGSIZE: no id is so long. */
OURO_API int ouro_subscribe_after(struct ouro_ctx *ctx, struct ouro_str topic, struct ouro_str id);

/* Ends that. A stream without a handler, subscriptions or keep_open ends. 0, or -ENOENT where it was not
 * subscribed. */
OURO_API int ouro_unsubscribe(struct ouro_ctx *ctx, struct ouro_str topic);

/* Publishes @data, which is copied, to @topic. How many subscribers that has; with a hub those of this
 * process, before it has come to them. Messages of a topic that has had no subscriber for a while are not
 * kept, but by a hub. -ENOBUFS: the hub cannot be reached, or is slow, and as much as may waits for it. -EINVAL: an empty name, a type that is none, or an event or id
 * that no event can have; -ENAMETOOLONG; -EMSGSIZE: more than message_bytes_max, or a field is too long;
 * -ENOSPC: all topics keep topic_bytes_max; -ENOMEM. */
OURO_API int ouro_publish(struct ouro_ctx *ctx, struct ouro_str topic, enum ouro_message_type type,
			  struct ouro_str data);

/* The same with all that a message may have. */
OURO_API int ouro_publish_message(struct ouro_ctx *ctx, struct ouro_str topic,
				  const struct ouro_message *message);

/* The same from any thread, from ouro_server_create() to ouro_server_destroy(). What one thread publishes
 * to a topic stays in its order. */
OURO_API int ouro_server_publish(struct ouro_server *server, struct ouro_str topic,
				 const struct ouro_message *message);

/* How many subscribers @topic has in this process. Any thread. */
OURO_API uint32_t ouro_server_subscribers(struct ouro_server *server, struct ouro_str topic);

#ifdef __cplusplus
}
#endif

#endif
