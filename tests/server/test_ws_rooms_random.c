/* Random WebSockets and event streams in rooms against a model: messages of a topic are numbered, and what a
 * client is sent must be a piece of them, from where it came, in order and without a hole but where it was told
 * of one or wants the newest only. So it is where memory runs out now and then. */
#include "server/events.h"
#include "server/ws_frames.h"

#include <errno.h>
#include <sys/mman.h>
#include <zlib.h>

enum {
	SLOTS = 10,
	STEPS = 400,
	CLIENTS_MAX = SLOTS + STEPS,
	TOPICS = 2,
	TEXT_BYTES_MAX = 64 * 1024,
	SEEDS = 30,
	SCARCE_OF_1000 = 20, /* calls for memory that fail */
};

static struct site site;
static int published[TOPICS];         /* the number of the next message */
static int heard, gaps_heard, stayed; /* by all; and how many were there at the end */

/* One that came; its connection may still be there when its place is taken by another one. */
static struct client {
	struct sim_peer *peer;
	bool is_ws, is_straight, reads_deflated;
	enum ouro_ws_overflow overflow;
	int topic;
	size_t at;      /* of what it has received, what was looked at */
	bool has_head;  /* it has had the whole head */
	bool has_ended; /* it sends no more */
	bool is_over;   /* it was refused, or closed */
	bool is_in;     /* it is subscribed; the server's side says so */
	bool is_new;    /* it may begin anywhere, from ... */
	int next;       /* ... this one on; or has to go on with it */
	bool was_told;  /* of a gap */
	bool is_unsure; /* what the handler wanted to tell was lost: only the order is known */
	int last;       /* the last number that it has heard */
} clients[CLIENTS_MAX];
static int client_count;

/* ---- Memory ---- */

void *__real_malloc(size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__real_mmap64(void *at, size_t bytes, int protection, int flags, int fd, off_t offset);
void *__wrap_mmap64(void *at, size_t bytes, int protection, int flags, int fd, off_t offset);

static bool scarce;
static unsigned scarce_seed, refused;

static bool is_refused(void)
{
	if (!scarce)
		return false;
	scarce_seed = scarce_seed * 1103515245 + 12345;
	if ((scarce_seed >> 16) % 1000 >= SCARCE_OF_1000)
		return false;
	refused++;
	errno = ENOMEM;
	return true;
}

void *__wrap_malloc(size_t bytes)
{
	return is_refused() ? NULL : __real_malloc(bytes);
}

void *__wrap_calloc(size_t count, size_t bytes)
{
	return is_refused() ? NULL : __real_calloc(count, bytes);
}

/* Pools have their memory from it. */
void *__wrap_mmap64(void *at, size_t bytes, int protection, int flags, int fd, off_t offset)
{
	return is_refused() ? MAP_FAILED : __real_mmap64(at, bytes, protection, flags, fd, offset);
}

/* ---- The server's side ---- */

static struct ouro_str topic_of(const struct client *client)
{
	return client->topic ? OURO_STR("b") : OURO_STR("a");
}

/* Publishes the next message of @topic, of some length. */
static void publish(int topic)
{
	static char text[TEXT_BYTES_MAX];
	uint32_t kind = sim_random(site.sim, 10);
	uint32_t bound = kind < 4 ? 50 : kind < 6 ? 2000 : TEXT_BYTES_MAX - 8;
	struct ouro_message message = { .data = { text, 7 + sim_random(site.sim, bound) } };

	memset(text, 'x', sizeof(text));
	snprintf(text, sizeof(text), "%06d", published[topic]);
	text[6] = ' ';
	/* One that could not be published has no number. */
	if (ouro_server_publish(site.server, topic ? OURO_STR("b") : OURO_STR("a"), &message) >= 0)
		published[topic]++;
}

static void tell(struct ouro_ctx *ctx, struct client *client, struct ouro_str what)
{
	if (ouro_ws_send(ctx, OURO_WS_TEXT, what))
		client->is_unsure = true;
}

static struct client *client_of(struct ouro_ctx *ctx)
{
	return ouro_data(ctx);
}

static void enter(struct ouro_ctx *ctx, struct client *client)
{
	if (client->is_in || ouro_subscribe(ctx, topic_of(client)))
		return;
	client->is_in = true;
	tell(ctx, client, OURO_STR("here"));
}

static void take(struct ouro_ctx *ctx, const struct ouro_ws_message *message)
{
	struct client *client = client_of(ctx);

	switch (message->data.len ? message->data.ptr[0] : 0) {
	case '+':
		enter(ctx, client);
		break;
	case '-':
		client->is_in = false;
		ouro_unsubscribe(ctx, topic_of(client));
		break;
	case '!':
		ouro_panic(ctx, "on purpose");
	case 'p':
		publish(client->topic);
		break;
	}
}

static void on_gap(struct ouro_ctx *ctx, struct ouro_str topic)
{
	cr_assert(ouro_str_eq(topic, topic_of(client_of(ctx))));
	tell(ctx, client_of(ctx), OURO_STR("gap"));
}

static void on_close(struct ouro_ctx *ctx)
{
	client_of(ctx)->is_in = false;
}

static void serve_ws(struct ouro_ctx *ctx)
{
	struct client *client = &clients[atoi(ouro_param(ctx, "client").ptr)];
	struct ouro_ws_options options = { .overflow = client->overflow,
					   .queue_bytes_max = 100000,
					   .on_gap = on_gap };
	struct ouro_ws_message message;

	if (!client->is_straight) {
		options.on_message = take;
		options.on_close = on_close;
	}
	ouro_set_data(ctx, client);
	if (ouro_ws_accept(ctx, &options))
		return;
	enter(ctx, client);
	if (!client->is_straight)
		return;
	while (ouro_ws_recv(ctx, &message) == 0)
		take(ctx, &message);
	client->is_in = false;
}

static void serve_events(struct ouro_ctx *ctx)
{
	struct client *client = &clients[atoi(ouro_param(ctx, "client").ptr)];
	const struct ouro_sse_options options = { .backlog_count_max = 4 };

	if (ouro_sse_begin(ctx, &options) == 0 && ouro_subscribe(ctx, topic_of(client)) == 0)
		client->is_in = true;
}

static void set_up(struct ouro_server *server)
{
	add(server, "GET", "/ws/{client:[0-9]+}", serve_ws);
	add(server, "GET", "/events/{client:[0-9]+}", serve_events);
}

/* ---- The clients' side ---- */

static void hear_number(struct client *client, int number)
{
	heard++;
	if (client->is_new || client->is_unsure || client->was_told ||
	    client->overflow == OURO_WS_OVERFLOW_DROP_OLD)
		cr_assert_geq(number, client->next, "%d instead of %d", number, client->next);
	else
		cr_assert_eq(number, client->next, "%d instead of %d", number, client->next);
	cr_assert_lt(number, published[client->topic]);
	client->is_new = client->was_told = false;
	client->last = number;
	client->next = number + 1;
}

static void hear_text(struct client *client, struct ouro_str text)
{
	if (ouro_str_eq(text, OURO_STR("gap"))) {
		gaps_heard++;
		client->was_told = true;
	} else if (ouro_str_eq(text, OURO_STR("here"))) {
		client->is_new = true;
	} else {
		cr_assert_gt(text.len, 6);
		hear_number(client, atoi(text.ptr));
	}
}

static struct ouro_str inflated(struct ouro_str payload)
{
	static char in[2 * TEXT_BYTES_MAX], out[2 * TEXT_BYTES_MAX];
	z_stream zlib = { 0 };

	memcpy(in, payload.ptr, payload.len);
	memcpy(in + payload.len, "\x00\x00\xff\xff", 4);
	cr_assert_eq(inflateInit2(&zlib, -15), Z_OK);
	zlib.next_in = (Bytef *)in;
	zlib.avail_in = (uInt)payload.len + 4;
	zlib.next_out = (Bytef *)out;
	zlib.avail_out = sizeof(out);
	cr_assert_eq(inflate(&zlib, Z_SYNC_FLUSH), Z_OK);
	inflateEnd(&zlib);
	return ouro_str(out, sizeof(out) - zlib.avail_out);
}

/* Looks at the frame at the beginning of @got; its length, 0: it is not whole. */
static size_t hear_frame(struct client *client, struct ouro_str got)
{
	const unsigned char *bytes = (const unsigned char *)got.ptr;
	size_t head = 2, len;

	if (got.len < 10 && (got.len < 2 || bytes[1] > 125))
		return 0;
	len = bytes[1];
	if (len == 126) {
		head = 4;
		len = (size_t)bytes[2] << 8 | bytes[3];
	} else if (len == 127) {
		head = 10;
		len = (size_t)bytes[7] << 16 | (size_t)bytes[8] << 8 | bytes[9];
	}
	if (got.len < head + len)
		return 0;
	switch (bytes[0]) {
	case 0x81:
		hear_text(client, ouro_str(got.ptr + head, len));
		break;
	case 0xc1:
		cr_assert(client->reads_deflated);
		hear_text(client, inflated(ouro_str(got.ptr + head, len)));
		break;
	case 0x88:
		client->is_over = true;
		break;
	default:
		cr_assert_fail("%02x", bytes[0]);
	}
	return head + len;
}

static size_t hear_event(struct client *client, struct ouro_str got)
{
	const char *end = got.len ? memmem(got.ptr, got.len, "\n\n", 2) : NULL, *data;

	if (!end)
		return 0;
	got.len = (size_t)(end + 2 - got.ptr);
	data = memmem(got.ptr, got.len, "data: ", 6);
	if (ouro_str_eq(got, OURO_STR("event: gap\ndata: \n\n")))
		hear_text(client, OURO_STR("gap"));
	else if (data)
		hear_number(client, atoi(data + 6));
	return got.len;
}

/* The length of the head, 0: it is not whole. */
static size_t read_head(struct client *client, struct ouro_str got)
{
	const char *end = got.len ? memmem(got.ptr, got.len, "\r\n\r\n", 4) : NULL;

	if (!end)
		return 0;
	client->has_head = true;
	client->is_over = memcmp(got.ptr + 9, client->is_ws ? "101" : "200", 3) != 0;
	return (size_t)(end + 4 - got.ptr);
}

static void hear(struct client *client)
{
	size_t len;

	do {
		struct ouro_str got = sim_peer_received(client->peer);

		got = ouro_str(got.ptr + client->at, got.len - client->at);
		len = 0;
		if (!client->has_head)
			len = read_head(client, got);
		else if (!client->is_over)
			len = client->is_ws ? hear_frame(client, got) : hear_event(client, got);
		client->at += len;
	} while (len > 0);
	/* What was looked at is not kept, for there is much of it. */
	if (client->at == sim_peer_received(client->peer).len) {
		sim_peer_forget(client->peer);
		client->at = 0;
	}
}

static struct client *come(void)
{
	struct client *client = &clients[client_count];
	char ask[500];

	*client = (struct client){
		.peer = sim_connect(site.sim),
		.is_ws = sim_random(site.sim, 3) > 0,
		.is_straight = sim_random(site.sim, 2),
		.reads_deflated = sim_random(site.sim, 2),
		.topic = (int)sim_random(site.sim, TOPICS),
		.is_new = true,
		.last = -1,
	};
	client->next = published[client->topic];
	if (client->is_ws)
		client->overflow = (enum ouro_ws_overflow)sim_random(site.sim, 4);
	snprintf(ask, sizeof(ask),
		 client->is_ws ? WS_ASK("/ws/%d") "%s\r\n" : LISTEN("/events/%d", "%s"),
		 client_count++,
		 client->is_ws && client->reads_deflated
			 ? "Sec-WebSocket-Extensions: permessage-deflate\r\n"
			 : "");
	sim_peer_say(client->peer, ask);
	return client;
}

static void say(struct client *client, unsigned first, const char *text)
{
	char frame[64];

	if (client->is_ws && client->has_head && !client->has_ended)
		sim_peer_send(client->peer, frame, ws_put_frame(frame, first, text, strlen(text)));
}

static void act(struct client **slot)
{
	struct client *client = *slot;
	uint32_t choice = sim_random(site.sim, 80);

	if (!client || client->is_over || sim_peer_is_over(client->peer)) {
		if (client && !sim_peer_is_over(client->peer))
			sim_peer_reset(client->peer);
		*slot = come();
	} else if (choice == 0 && !client->has_ended) {
		client->has_ended = true;
		sim_peer_fin(client->peer);
	} else if (choice == 1) {
		sim_peer_reset(client->peer);
	} else if (choice == 2) {
		say(client, 0x88, "");
	} else if (choice == 3) {
		say(client, 0x81, "!");
	} else if (choice < 16) {
		sim_peer_set_reading(client->peer, choice > 11);
	} else if (choice < 40) {
		say(client, 0x81, choice < 20 ? "-" : choice < 28 ? "+" : "p");
	}
}

/* All that are there and read have what was published last. */
static void expect_last(struct client *const *slots)
{
	for (int i = 0; i < SLOTS; i++)
		if (slots[i]) {
			sim_peer_set_reading(slots[i]->peer, true);
			sim_settle(site.loop);
			hear(slots[i]);
		}
	publish(0);
	publish(1);
	sim_settle(site.loop);
	for (int i = 0; i < SLOTS; i++) {
		struct client *client = slots[i];

		if (!client || sim_peer_is_over(client->peer) || sim_peer_saw_end(client->peer))
			continue;
		hear(client);
		if (client->is_over || !client->is_in)
			continue;
		stayed++;
		cr_assert_eq(client->last, published[client->topic] - 1);
	}
}

static void live(uint64_t seed, bool with_scarcity)
{
	const struct ouro_options options = { .drain_timeout_ms = 100 };
	const struct sim_settings wild = sim_wild(seed);
	struct client *slots[SLOTS] = { NULL };

	published[0] = published[1] = client_count = 0;
	scarce_seed = (unsigned)seed;
	site_open_with(&site, &options, &wild, set_up);
	for (int i = 0; i < STEPS; i++) {
		uint32_t ms = sim_random(site.sim, 5);

		act(&slots[sim_random(site.sim, SLOTS)]);
		scarce = with_scarcity;
		publish(i % TOPICS);
		sim_advance(site.loop, ms);
		scarce = false;
		for (int j = 0; j < SLOTS; j++)
			if (slots[j])
				hear(slots[j]);
	}
	expect_last(slots);
	/* What is left has no subscriber, no session and no message. */
	site_close(&site);
}

Test(ws_rooms_random, everybody_gets_a_piece_of_what_was_published)
{
	for (uint64_t seed = 1; seed <= SEEDS; seed++)
		live(seed, false);
	cr_expect_gt(heard, 10 * STEPS, "%d", heard);
	cr_expect_gt(gaps_heard, 10, "%d", gaps_heard);
	cr_expect_gt(stayed, SEEDS, "%d", stayed);
}

Test(ws_rooms_random, where_memory_is_short_too)
{
	for (uint64_t seed = 1; seed <= SEEDS; seed++)
		live(seed, true);
	cr_expect_gt(heard, 10 * STEPS, "%d", heard);
	cr_expect_gt(refused, 100, "%u", refused);
}
