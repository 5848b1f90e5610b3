/* What is published to a topic must come to each of its subscribers, WebSockets and event streams, once
 * and in order. */
#include "client.h"
#include "summary.h"
#include "target_private.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* What every server has at these paths: see bench/peers. */
#define WS_PATH "/ws/chat?room=bench"
#define EVENTS_PATH "/sse/topic/bench"
#define PUBLISH_PATH "/publish/bench"

enum {
	RECV_BYTES_MAX = 65536,
	REQUEST_BYTES_MAX = 1024,
	ANSWER_BYTES_MAX = 4096,
};

struct subscriber {
	int fd;
	bool is_stream;
	uint64_t next;   /* the message that must come now */
	size_t position; /* received of it by a WebSocket */
	bool has_data;   /* of an event that is not complete */
	struct broadcast *broadcast;
	union {
		struct frame_reader frames;
		struct events_reader events;
	};
};

struct broadcast {
	struct target base;
	struct subscriber *subscribers;
	int publisher;
	char answer[ANSWER_BYTES_MAX + 1];
	size_t answer_len;
	uint64_t published; /* messages */
	uint64_t answered;  /* of them, the publisher's requests */
	uint64_t complete;  /* of them, come to all */
	uint64_t now;       /* of what was just received */
	/* [pipeline], by message number */
	char *messages;
	uint64_t *published_ns;
	uint64_t *missing; /* subscribers that do not have it yet */
	double *all_ns;    /* [publish_count]: of the messages of the slice */
	size_t all_count;
};

static struct broadcast *broadcast_of(struct target *target)
{
	return (struct broadcast *)(void *)target;
}

static size_t slot(const struct broadcast *broadcast, uint64_t number)
{
	return (size_t)(number % broadcast->base.opt->pipeline);
}

static char *message(struct broadcast *broadcast, uint64_t number)
{
	return broadcast->messages +
	       slot(broadcast, number) * (broadcast->base.opt->message_bytes + 1);
}

static void fail(struct subscriber *subscriber, const char *what, int err)
{
	struct broadcast *broadcast = subscriber->broadcast;

	target_error(&broadcast->base, err ? TARGET_ERROR_RESET : TARGET_ERROR_ANSWER,
		     "%s %zu, message %llu: %s%s%s",
		     subscriber->is_stream ? "event stream" : "WebSocket",
		     (size_t)(subscriber - broadcast->subscribers),
		     (unsigned long long)subscriber->next, what, err ? ": " : "",
		     err ? strerror(err) : "");
	close(subscriber->fd);
	subscriber->fd = -1;
}

/* ---- Publishing ---- */

static int watch(struct broadcast *broadcast, int fd, struct subscriber *subscriber)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = subscriber };

	return epoll_ctl(broadcast->base.epoll_fd, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

static int open_publisher(struct broadcast *broadcast)
{
	int one = 1;

	broadcast->publisher = target_connect(&broadcast->base);
	if (broadcast->publisher < 0)
		return broadcast->publisher;
	setsockopt(broadcast->publisher, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return watch(broadcast, broadcast->publisher, NULL);
}

/* Letters, so that none of them means anything in JSON or an event, and the number in front. */
static void write_message(struct broadcast *broadcast, uint64_t number)
{
	char *text = message(broadcast, number);
	size_t bytes = broadcast->base.opt->message_bytes;
	size_t len = (size_t)snprintf(text, bytes + 1, "%020llu", (unsigned long long)number);

	for (; len < bytes; len++)
		text[len] = (char)('a' + (number + len) % 26);
}

static void publish(struct broadcast *broadcast)
{
	uint64_t number = broadcast->published++;
	char request[REQUEST_BYTES_MAX];

	write_message(broadcast, number);
	int len = snprintf(request, sizeof(request),
			   "POST " PUBLISH_PATH " HTTP/1.1\r\nHost: localhost\r\n"
			   "Content-Type: text/plain\r\nContent-Length: %u\r\n\r\n%.*s",
			   broadcast->base.opt->message_bytes,
			   (int)broadcast->base.opt->message_bytes, message(broadcast, number));
	broadcast->missing[slot(broadcast, number)] = broadcast->base.opt->connection_count;
	broadcast->published_ns[slot(broadcast, number)] = target_now_ns();
	if (send(broadcast->publisher, request, (size_t)len, MSG_NOSIGNAL) != len)
		target_error(&broadcast->base, TARGET_ERROR_RESET, "publishing: %s",
			     strerror(errno));
}

/* The answer to a publisher's request is there in full when its length is, which servers tell. */
static bool answer_is_complete(const char *answer, size_t len)
{
	const char *end = strstr(answer, "\r\n\r\n");
	const char *length = strcasestr(answer, "\r\ncontent-length:");

	return end && length && length < end &&
	       len == (size_t)(end + 4 - answer) + strtoull(length + 17, NULL, 10);
}

static void receive_answer(struct broadcast *broadcast)
{
	char *answer = broadcast->answer;
	ssize_t got = recv(broadcast->publisher, answer + broadcast->answer_len,
			   ANSWER_BYTES_MAX - broadcast->answer_len, MSG_DONTWAIT);

	if (got <= 0) {
		if (got < 0 && errno == EAGAIN)
			return;
		if (broadcast->answered < broadcast->published)
			target_error(&broadcast->base, TARGET_ERROR_RESET,
				     "the publisher was cut off");
		/* What is idle may be closed. The next slice begins with another. */
		close(broadcast->publisher);
		broadcast->publisher = -1;
		return;
	}
	broadcast->answer_len += (size_t)got;
	answer[broadcast->answer_len] = '\0';
	if (!answer_is_complete(answer, broadcast->answer_len))
		return;
	if (strncmp(answer, "HTTP/1.1 200 ", 13))
		target_error(&broadcast->base, TARGET_ERROR_ANSWER,
			     "publishing was answered with %s", answer);
	broadcast->answer_len = 0;
	broadcast->answered++;
}

/* ---- Receiving ---- */

static void count_delivery(struct subscriber *subscriber)
{
	struct broadcast *broadcast = subscriber->broadcast;
	size_t at = slot(broadcast, subscriber->next++);
	uint64_t took = broadcast->now - broadcast->published_ns[at];

	broadcast->base.slice.request_count++;
	times_add(&broadcast->base.times[TARGET_TIMES_MESSAGE], took);
	if (--broadcast->missing[at])
		return;
	times_add(&broadcast->base.times[TARGET_TIMES_ALL], took);
	broadcast->all_ns[broadcast->all_count++] = (double)took;
	broadcast->complete++;
}

static bool on_data(void *arg, const char *data, size_t len)
{
	struct subscriber *subscriber = arg;
	struct broadcast *broadcast = subscriber->broadcast;

	if (subscriber->has_data || subscriber->next == broadcast->published ||
	    len != broadcast->base.opt->message_bytes ||
	    memcmp(data, message(broadcast, subscriber->next), len))
		return false;
	subscriber->has_data = true;
	return true;
}

static void on_stream_event(void *arg)
{
	struct subscriber *subscriber = arg;

	/* One without data means nothing to a client. */
	if (subscriber->has_data)
		count_delivery(subscriber);
	subscriber->has_data = false;
}

static const struct events_calls stream_calls = { on_data, on_stream_event };

static bool take_piece(struct subscriber *subscriber, const struct frame_piece *piece)
{
	struct broadcast *broadcast = subscriber->broadcast;
	size_t bytes = broadcast->base.opt->message_bytes;

	if (piece->opcode == FRAME_PING)
		return frame_send_pong(subscriber->fd, piece) == 0;
	if (subscriber->next == broadcast->published || piece->opcode != FRAME_TEXT ||
	    !piece->fin || piece->len > bytes - subscriber->position ||
	    memcmp(message(broadcast, subscriber->next) + subscriber->position, piece->data,
		   piece->len))
		return false;
	subscriber->position += piece->len;
	if (!piece->ends)
		return true;
	if (subscriber->position != bytes)
		return false;
	subscriber->position = 0;
	count_delivery(subscriber);
	return true;
}

static int take_frames(struct subscriber *subscriber, const char *data, size_t len)
{
	struct frame_piece piece;
	int got;

	while ((got = frame_read(&subscriber->frames, &data, &len, &piece)) > 0)
		if (!take_piece(subscriber, &piece))
			return piece.opcode == FRAME_CLOSE ? -EPIPE : -EPROTO;
	return got;
}

static void take(struct subscriber *subscriber, const char *data, size_t len)
{
	int err = subscriber->is_stream
			  ? events_read(&subscriber->events, data, len, &stream_calls, subscriber)
			  : take_frames(subscriber, data, len);

	if (err)
		fail(subscriber, "something else came", -err);
}

static void receive(struct subscriber *subscriber)
{
	static char buf[RECV_BYTES_MAX];
	ssize_t got = recv(subscriber->fd, buf, sizeof(buf), MSG_DONTWAIT);

	if (got > 0) {
		subscriber->broadcast->now = target_now_ns();
		take(subscriber, buf, (size_t)got);
	} else if (got == 0 || errno != EAGAIN) {
		fail(subscriber, "recv", got ? errno : ECONNRESET);
	}
}

static int look(struct broadcast *broadcast)
{
	struct epoll_event events[TARGET_EVENTS_MAX];
	int count = epoll_wait(broadcast->base.epoll_fd, events, TARGET_EVENTS_MAX, 0);

	for (int i = 0; i < count; i++) {
		struct subscriber *subscriber = events[i].data.ptr;
		if (!subscriber)
			receive_answer(broadcast);
		else if (subscriber->fd >= 0)
			receive(subscriber);
	}
	return count;
}

/* ---- A slice ---- */

static bool may_publish(const struct broadcast *broadcast, uint64_t first)
{
	return broadcast->published - first < broadcast->base.opt->publish_count &&
	       broadcast->published - broadcast->complete < broadcast->base.opt->pipeline &&
	       broadcast->published == broadcast->answered;
}

static void publish_all(struct broadcast *broadcast)
{
	uint64_t first = broadcast->published;
	uint64_t heard = target_now_ns();

	while (!broadcast->base.slice.error_count) {
		if (may_publish(broadcast, first))
			publish(broadcast);
		else if (broadcast->complete == broadcast->published &&
			 broadcast->published == broadcast->answered)
			return;
		int count = look(broadcast);
		uint64_t now = target_now_ns();
		if (count > 0)
			heard = now;
		if (now - heard > (uint64_t)TARGET_STALL_MS * 1000000)
			target_error(&broadcast->base, TARGET_ERROR_STALL,
				     "%llu deliveries are missing",
				     (unsigned long long)broadcast
					     ->missing[slot(broadcast, broadcast->complete)]);
	}
}

static void drive_broadcast(struct target *target, uint64_t slice_ns)
{
	struct broadcast *broadcast = broadcast_of(target);

	(void)slice_ns;
	/* Pings and comments that have come meanwhile. */
	while (look(broadcast) > 0)
		;
	if (broadcast->publisher < 0 && open_publisher(broadcast))
		target_error(target, TARGET_ERROR_CONNECT, "the publisher cannot connect");
	broadcast->all_count = 0;
	uint64_t cpu_start = target_cpu_at_rest(target);
	uint64_t start = target_now_ns();
	publish_all(broadcast);
	target->slice.wall_ns = target_now_ns() - start;
	target->slice.cpu_ns = target_cpu_at_rest(target) - cpu_start;
	/* Nothing may come twice. */
	while (look(broadcast) > 0)
		;
	target->slice.all_ns = (uint64_t)summary_median(broadcast->all_ns, broadcast->all_count);
}

/* ---- Creation ---- */

static enum client_kind kind_of(const struct subscriber *subscriber)
{
	return subscriber->is_stream ? CLIENT_EVENTS : CLIENT_WS;
}

static int ask(struct broadcast *broadcast, struct subscriber *subscriber)
{
	subscriber->fd = target_connect(&broadcast->base);
	if (subscriber->fd < 0)
		return subscriber->fd;
	return client_ask(subscriber->fd, kind_of(subscriber),
			  subscriber->is_stream ? EVENTS_PATH : WS_PATH);
}

static int open_subscriber(struct broadcast *broadcast, struct subscriber *subscriber)
{
	char rest[CLIENT_REST_MAX];
	struct client_body body;
	int len = client_read_head(subscriber->fd, kind_of(subscriber), rest, &body);

	if (len < 0)
		return len;
	if (subscriber->is_stream)
		subscriber->events.chunked = body.chunked;
	if (len > 0)
		take(subscriber, rest, (size_t)len);
	return broadcast->base.slice.error_count ? -EPROTO
						 : watch(broadcast, subscriber->fd, subscriber);
}

static int allocate(struct broadcast *broadcast)
{
	const struct target_options *opt = broadcast->base.opt;

	broadcast->publisher = -1;
	broadcast->subscribers = calloc(opt->connection_count, sizeof(*broadcast->subscribers));
	broadcast->messages = calloc(opt->pipeline, opt->message_bytes + 1);
	broadcast->published_ns = calloc(opt->pipeline, sizeof(*broadcast->published_ns));
	broadcast->missing = calloc(opt->pipeline, sizeof(*broadcast->missing));
	broadcast->all_ns = calloc(opt->publish_count, sizeof(*broadcast->all_ns));
	if (!broadcast->subscribers || !broadcast->messages || !broadcast->published_ns ||
	    !broadcast->missing || !broadcast->all_ns)
		return -ENOMEM;
	for (unsigned i = 0; i < opt->connection_count; i++) {
		/* Spread evenly: a server may serve those that came first first. */
		uint64_t before = (uint64_t)i * opt->stream_count / opt->connection_count;
		uint64_t after = (uint64_t)(i + 1) * opt->stream_count / opt->connection_count;
		broadcast->subscribers[i] = (struct subscriber){ .fd = -1,
								 .is_stream = after > before,
								 .broadcast = broadcast };
	}
	return 0;
}

static int open_broadcast(struct target *target, const char **what)
{
	struct broadcast *broadcast = broadcast_of(target);
	int err = allocate(broadcast);

	*what = "subscribers";
	for (unsigned opened = 0, asked = 0; !err && opened < target->opt->connection_count;) {
		if (asked < target->opt->connection_count && asked - opened < CLIENT_OPENING_MAX)
			err = ask(broadcast, &broadcast->subscribers[asked++]);
		else
			err = open_subscriber(broadcast, &broadcast->subscribers[opened++]);
		/* Those that have waited long may have had a ping. */
		if (opened % CLIENT_OPENING_MAX == 0)
			look(broadcast);
	}
	if (err)
		return err;
	*what = "publisher";
	err = open_publisher(broadcast);
	/* What is still to be done after the last head was sent: subscribing it, that is. */
	target_cpu_at_rest(target);
	return err;
}

static void close_broadcast(struct target *target)
{
	struct broadcast *broadcast = broadcast_of(target);

	for (unsigned i = 0; broadcast->subscribers && i < target->opt->connection_count; i++)
		if (broadcast->subscribers[i].fd >= 0)
			close(broadcast->subscribers[i].fd);
	if (broadcast->publisher >= 0)
		close(broadcast->publisher);
	free(broadcast->subscribers);
	free(broadcast->messages);
	free(broadcast->published_ns);
	free(broadcast->missing);
	free(broadcast->all_ns);
}

static void idle_broadcast(struct target *target)
{
	look(broadcast_of(target));
}

const struct target_ops target_broadcast = { sizeof(struct broadcast), open_broadcast,
					     close_broadcast, drive_broadcast, idle_broadcast };
