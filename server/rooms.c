/* Rooms: the server's hub (hub/hub.h), and event streams and WebSockets as its subscribers, each in its own
 * format. */
#include "server/rooms.h"

#include "hub/hub.h"
#include "ouro/rooms.h"
#include "ouro/sse.h"
#include "server/rooms_redis.h"
#include "server/server_private.h"
#include "server/sse.h"
#include "server/ws.h"
#include "ws/message.h"

#include <errno.h>
#include <stddef.h>

/* How messages are encoded; each by its own function in @formats, in this order. */
enum { FORMAT_EVENT = OURO_HUB_PLAIN + 1, FORMAT_FRAME, FORMAT_DEFLATED };

static_assert((int)OURO_HUB_NAME_BYTES_DEFAULT == (int)OURO_TOPIC_BYTES_MAX,
	      "what the public header promises");
static_assert((int)OURO_HUB_FIELD_BYTES_MAX == (int)OURO_SSE_ID_BYTES_MAX &&
		      (int)OURO_HUB_FIELD_BYTES_MAX == (int)OURO_SSE_NAME_BYTES_MAX,
	      "what a message may have an event may have");

struct ouro_membership {
	struct ouro_subscription sub; /* first */
	struct ouro_worker *worker;
	struct ouro_subscriber *subscriber;
	struct ouro_membership *next; /* of @subscriber */
	bool missed; /* a message was dropped, and on_gap has not been called since */
};

size_t ouro_membership_bytes(void)
{
	return sizeof(struct ouro_membership);
}

/* ---- The hub ---- */

static struct ouro_sse_event event_of(const struct ouro_hub_content *content)
{
	return (struct ouro_sse_event){
		.event = content->event,
		.data = content->data,
		.id = content->id,
		.key = content->key,
	};
}

static struct ouro_hub_encoding *encode_event(void *arg, const struct ouro_hub_message *message)
{
	const struct ouro_hub_content *content = ouro_hub_message_content(message);
	struct ouro_sse_event event = event_of(content);
	char id[OURO_HUB_ID_TEXT_MAX];
	struct ouro_hub_encoding *encoding;
	ssize_t size;

	(void)arg;
	if (content->kind == OURO_HUB_BINARY)
		return NULL;
	event.id = ouro_hub_message_id(message, id);
	size = ouro_sse_event_size(&event);
	encoding = size > 0 ? ouro_hub_encoding_create((size_t)size) : NULL;
	if (encoding)
		ouro_sse_event_write(&event, encoding->bytes, encoding->len);
	return encoding;
}

static enum ouro_ws_opcode opcode_of(const struct ouro_hub_content *content)
{
	return content->kind == OURO_HUB_TEXT ? OURO_WS_TEXT : OURO_WS_BINARY;
}

static struct ouro_hub_encoding *encode_frame(void *arg, const struct ouro_hub_message *message)
{
	const struct ouro_hub_content *content = ouro_hub_message_content(message);
	struct ouro_hub_encoding *encoding =
		ouro_hub_encoding_create(ouro_ws_message_bytes(content->data.len));

	(void)arg;
	if (encoding)
		ouro_ws_message_write(opcode_of(content), content->data, encoding->bytes);
	return encoding;
}

static struct ouro_hub_encoding *encode_deflated(void *arg, const struct ouro_hub_message *message)
{
	const struct ouro_hub_content *content = ouro_hub_message_content(message);
	struct ouro_worker *worker = arg;
	struct ouro_hub_encoding *encoding;
	struct ouro_ws_chain chain;
	int err = ouro_ws_message_deflate(&worker->ws, content->data, &chain);

	if (err)
		return err == -EFBIG ? ouro_hub_encoding_create(0) : NULL;
	encoding = ouro_hub_encoding_create(ouro_ws_message_bytes(chain.bytes));
	if (encoding)
		ouro_ws_message_write_deflated(opcode_of(content), &chain, encoding->bytes);
	ouro_ws_chain_drop(&chain);
	return encoding;
}

int ouro_rooms_create(struct ouro_server *server)
{
	static const struct ouro_hub_format formats[] = { { .encode = encode_event },
							  { .encode = encode_frame },
							  { .encode = encode_deflated } };
	const struct ouro_options *options = &server->options;
	struct ouro_hub_options hub_options = {
		.formats = formats,
		.format_count = sizeof(formats) / sizeof(formats[0]),
		.topic_count_max = options->topics_max,
		.subscriber_count_max = options->subscribers_max,
		.message_bytes_max = options->message_bytes_max,
		.replay_count_max = options->replay_count_max,
		.replay_bytes_max = options->replay_bytes_max,
		.bytes_max = options->topic_bytes_max,
		.retention_ms = options->topic_retention_ms,
	};
	int err = ouro_rooms_redis_create(server, &hub_options.backend);

	if (err)
		return err;
	err = ouro_hub_create(&server->hub, &hub_options);
	if (err)
		ouro_rooms_redis_destroy(server);
	return err;
}

void ouro_rooms_destroy(struct ouro_server *server)
{
	/* What a loop that failed holds is nobody's to free. */
	if (!atomic_load(&server->hub_is_lost)) {
		ouro_hub_destroy(server->hub);
		ouro_rooms_redis_destroy(server);
	}
	server->hub = NULL;
}

void ouro_rooms_sweep(struct ouro_worker *worker)
{
	if (worker->index == 0)
		ouro_hub_sweep(worker->server->hub);
}

/* ---- A worker's part ---- */

static void on_mail(struct ouro_mail *mail)
{
	struct ouro_worker *worker =
		(struct ouro_worker *)(void *)((char *)mail -
					       offsetof(struct ouro_worker, rooms_mail));

	ouro_hub_loop_run(worker->rooms);
}

static void wake(void *arg)
{
	struct ouro_worker *worker = arg;

	ouro_loop_post(&worker->loop, &worker->rooms_mail);
}

int ouro_rooms_open(struct ouro_worker *worker)
{
	int err;

	worker->rooms_mail.on_arrival = on_mail;
	err = ouro_hub_loop_create(worker->server->hub, wake, worker, &worker->rooms);
	if (err)
		return err;
	err = ouro_rooms_redis_open(worker);
	if (err) {
		ouro_hub_loop_close(worker->rooms);
		ouro_rooms_release(worker);
	}
	return err;
}

void ouro_rooms_close(struct ouro_worker *worker)
{
	ouro_hub_loop_close(worker->rooms);
	ouro_mailbox_run(&worker->loop.mailbox);
}

void ouro_rooms_release(struct ouro_worker *worker)
{
	ouro_hub_loop_destroy(worker->rooms);
	worker->rooms = NULL;
}

void ouro_rooms_disown(struct ouro_worker *worker)
{
	ouro_rooms_redis_disown(worker);
	ouro_hub_loop_abandon(worker->rooms);
	atomic_store(&worker->server->hub_is_lost, true);
}

/* ---- Subscribers ---- */

static struct ouro_subscriber *subscriber_of(struct ouro_subscription *sub)
{
	return ((struct ouro_membership *)(void *)sub)->subscriber;
}

static void event_on_message(struct ouro_subscription *sub, const struct ouro_hub_message *message,
			     struct ouro_slice bytes)
{
	const struct ouro_sse_encoded event = { bytes, ouro_hub_message_content(message)->key };
	struct ouro_subscriber *subscriber = subscriber_of(sub);

	if (!ouro_event_stream_deliver(subscriber, &event))
		ouro_rooms_leave(subscriber);
}

static void event_on_gap(struct ouro_subscription *sub, struct ouro_hub_id up_to)
{
	struct ouro_subscriber *subscriber = subscriber_of(sub);

	(void)up_to;
	if (!ouro_event_stream_tell_gap(subscriber))
		ouro_rooms_leave(subscriber);
}

static const struct ouro_subscriber_ops event_ops = {
	.on_message = event_on_message,
	.on_gap = event_on_gap,
};

/* Returns whether @member is still there. */
static bool tell_of_gap(struct ouro_membership *member)
{
	struct ouro_worker *worker = member->worker;

	member->missed = false;
	worker->rooms_told = member;
	ouro_ws_conn_tell_gap(member->subscriber, ouro_subscription_topic(&member->sub));
	return worker->rooms_told == member;
}

static void ws_on_message(struct ouro_subscription *sub, const struct ouro_hub_message *message,
			  struct ouro_slice bytes)
{
	struct ouro_membership *member = (struct ouro_membership *)(void *)sub;
	int err;

	(void)message;
	if (member->missed && ouro_ws_conn_has_room(member->subscriber) && !tell_of_gap(member))
		return;
	err = ouro_ws_conn_deliver(member->subscriber, bytes);
	if (err == -EPIPE)
		ouro_rooms_leave(member->subscriber);
	else if (err)
		member->missed = true;
}

static void ws_on_gap(struct ouro_subscription *sub, struct ouro_hub_id up_to)
{
	(void)up_to;
	tell_of_gap((struct ouro_membership *)(void *)sub);
}

static const struct ouro_subscriber_ops ws_ops = {
	.on_message = ws_on_message,
	.on_gap = ws_on_gap,
};

/* NULL: @ctx is none. */
static struct ouro_subscriber *find_subscriber(struct ouro_ctx *ctx)
{
	if (ctx->ws)
		return &ctx->ws->subscriber;
	return ctx->events ? &ctx->events->subscriber : NULL;
}

static int choose_frames(const struct ouro_ws_conn *conn, struct ouro_subscription_options *options)
{
	const struct ouro_ws_session *session = &conn->session;

	if (session->state != OURO_WS_OPEN)
		return -EPIPE;
	*options = (struct ouro_subscription_options){
		.ops = &ws_ops,
		.format = FORMAT_FRAME,
		.preferred = ouro_ws_session_reads_deflated(session) ? FORMAT_DEFLATED
								     : OURO_HUB_PLAIN,
		.preferred_bytes_min = session->endpoint->options.deflate_bytes_min,
	};
	return 0;
}

/* What the client of @ctx has had. Where that is no id of an event it is of another server, and as good as
 * any that nobody knows: one that no publisher can have given. */
static struct ouro_str last_had(const struct ouro_ctx *ctx)
{
	struct ouro_str id = ouro_sse_last_event_id(ctx);

	if (id.ptr || ouro_str_trim(ouro_header(ctx, "last-event-id")).len == 0)
		return id;
	return OURO_STR("\n");
}

/* How @ctx takes messages: by what it is. 0 or the error for the caller. */
static int choose_format(struct ouro_ctx *ctx, struct ouro_subscription_options *options)
{
	int err;

	if (ctx->ws)
		return choose_frames(ctx->ws, options);
	err = ouro_event_stream_may_send(ctx);
	if (!err)
		*options = (struct ouro_subscription_options){
			.ops = &event_ops,
			.format = FORMAT_EVENT,
			.after = last_had(ctx),
		};
	return err;
}

/* Where the subscription to @topic is linked; its end where there is none. */
static struct ouro_membership **find(struct ouro_subscriber *subscriber, struct ouro_str topic,
				     size_t *count)
{
	struct ouro_membership **link = &subscriber->memberships;

	*count = 0;
	for (; *link; link = &(*link)->next, ++*count)
		if (ouro_str_eq(ouro_subscription_topic(&(*link)->sub), topic))
			break;
	return link;
}

static void end(struct ouro_membership **link)
{
	struct ouro_membership *member = *link;

	*link = member->next;
	if (member->worker->rooms_told == member)
		member->worker->rooms_told = NULL;
	ouro_hub_unsubscribe(&member->sub);
	ouro_pool_put(&member->worker->memberships, member);
}

/* @after: NULL where the client says what it has had, or nobody does. */
static int subscribe(struct ouro_ctx *ctx, struct ouro_str topic, const struct ouro_str *after)
{
	struct ouro_subscription_options options;
	struct ouro_membership *member, **link;
	int err = choose_format(ctx, &options);
	size_t count;

	if (err)
		return err;
	if (after)
		options.after = *after;
	link = find(find_subscriber(ctx), topic, &count);
	if (*link)
		return -EALREADY;
	if (count == OURO_SUBSCRIPTIONS_MAX)
		return -E2BIG;
	member = ouro_pool_get(&ctx->worker->memberships);
	if (!member)
		return -ENOMEM;
	*member = (struct ouro_membership){ .worker = ctx->worker,
					    .subscriber = find_subscriber(ctx) };
	err = ouro_hub_subscribe(ctx->worker->rooms, topic, &member->sub, &options);
	if (err)
		ouro_pool_put(&ctx->worker->memberships, member);
	else
		*link = member;
	return err;
}

int ouro_subscribe(struct ouro_ctx *ctx, struct ouro_str topic)
{
	return subscribe(ctx, topic, NULL);
}

int ouro_subscribe_after(struct ouro_ctx *ctx, struct ouro_str topic, struct ouro_str id)
{
	return subscribe(ctx, topic, &id);
}

int ouro_unsubscribe(struct ouro_ctx *ctx, struct ouro_str topic)
{
	struct ouro_subscriber *subscriber = find_subscriber(ctx);
	struct ouro_membership **link;
	size_t count;

	if (!subscriber)
		return -ENOENT;
	link = find(subscriber, topic, &count);
	if (!*link)
		return -ENOENT;
	end(link);
	return 0;
}

void ouro_rooms_leave(struct ouro_subscriber *subscriber)
{
	while (subscriber->memberships)
		end(&subscriber->memberships);
}

/* ---- Publishing ---- */

int ouro_server_publish(struct ouro_server *server, struct ouro_str topic,
			const struct ouro_message *message)
{
	const struct ouro_hub_content content = {
		.kind = message->type == OURO_MESSAGE_TEXT ? OURO_HUB_TEXT : OURO_HUB_BINARY,
		/* A message has data, be it empty: a client is to see it. */
		.data = message->data.ptr ? message->data : OURO_STR(""),
		.event = message->event,
		.id = message->id,
		.key = message->key,
	};
	struct ouro_sse_event event = event_of(&content);
	ssize_t size;

	if ((unsigned)message->type > OURO_MESSAGE_BINARY)
		return -EINVAL;
	if (content.data.len > server->options.message_bytes_max)
		return -EMSGSIZE;
	/* Said to the publisher, since those who cannot be sent it are many. The id that it gets is no longer. */
	if (!event.id.ptr)
		event.id = OURO_STR("18446744073709551615-18446744073709551615");
	size = ouro_sse_event_size(&event);
	return size < 0 ? (int)size : ouro_hub_publish(server->hub, topic, &content);
}

int ouro_publish_message(struct ouro_ctx *ctx, struct ouro_str topic,
			 const struct ouro_message *message)
{
	return ouro_server_publish(ctx->worker->server, topic, message);
}

int ouro_publish(struct ouro_ctx *ctx, struct ouro_str topic, enum ouro_message_type type,
		 struct ouro_str data)
{
	return ouro_publish_message(ctx, topic,
				    &(struct ouro_message){ .type = type, .data = data });
}

uint32_t ouro_server_subscribers(struct ouro_server *server, struct ouro_str topic)
{
	return ouro_hub_subscriber_count(server->hub, topic);
}
