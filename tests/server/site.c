/* A server on the simulated backend: see server/site.h. */
#include "server/site.h"

#include "server/static.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PIECE_BYTES = 16 * 1024, TYPE_BYTES = 9000, WAIT_MS = 60000 };

struct site_notes site_notes;

/* ---- Handlers ---- */

static void plaintext(struct ouro_ctx *ctx)
{
	ouro_send_static(ctx, 200, "text/plain; charset=utf-8", OURO_STR("Hello, World!"));
}

static void json(struct ouro_ctx *ctx)
{
	struct ouro_str name = ouro_json_string(ctx, ouro_query(ctx, "name"));
	size_t room = name.len + sizeof("{\"name\":}");
	char *body = ouro_alloc(ctx, room);
	int len;

	if (!body) {
		ouro_text(ctx, 503, OURO_STR("out of memory"));
		return;
	}
	len = snprintf(body, room, "{\"name\":%.*s}", (int)name.len, name.ptr);
	ouro_send(ctx, 200, "application/json", ouro_str(body, (size_t)len));
}

static void user(struct ouro_ctx *ctx)
{
	ouro_text(ctx, 200, ouro_param(ctx, "id"));
}

/* Begins with the first piece, so that a body that is malformed from its beginning gets 400. */
static void echo_body(struct ouro_ctx *ctx, struct ouro_slice chunk, bool last)
{
	size_t pending = ouro_stream_pending(ctx->stream);

	if (!ouro_is_answered(ctx))
		ouro_begin(ctx, 200, "application/octet-stream", ouro_body_length(ctx));
	ouro_write_slice(ctx, chunk);
	site_notes.body_bytes += chunk.len;
	site_notes.bodies_ended += last;
	if (pending > site_notes.pending_max)
		site_notes.pending_max = pending;
	if (last)
		ouro_end(ctx);
}

/* The whole body in one piece: what is answered does not depend on how it came. */
static void echo_whole_body(struct ouro_ctx *ctx, struct ouro_slice chunk, bool last)
{
	struct ouro_str *body = ouro_data(ctx);
	char *joined = ouro_alloc(ctx, body->len + chunk.len + 1);

	if (body->len > 0)
		memcpy(joined, body->ptr, body->len);
	memcpy(joined + body->len, chunk.ptr, chunk.len);
	*body = ouro_str(joined, body->len + chunk.len);
	if (last)
		ouro_send(ctx, 200, "application/octet-stream", *body);
}

static void echo_whole(struct ouro_ctx *ctx)
{
	struct ouro_str *body = ouro_alloc(ctx, sizeof(*body));

	*body = ouro_str("", 0);
	ouro_set_data(ctx, body);
	ouro_on_body(ctx, echo_whole_body);
}

static void echo(struct ouro_ctx *ctx)
{
	ouro_on_body(ctx, echo_body);
}

static void collect_body(struct ouro_ctx *ctx, struct ouro_slice chunk, bool last)
{
	size_t *sum = ouro_data(ctx);
	char text[32];

	*sum += chunk.len;
	site_notes.bodies_ended += last;
	if (last)
		ouro_text(ctx, 200,
			  ouro_str(text, (size_t)snprintf(text, sizeof(text), "%zu", *sum)));
}

static void collect(struct ouro_ctx *ctx)
{
	size_t *sum = ouro_alloc(ctx, sizeof(*sum));

	*sum = 0;
	ouro_set_data(ctx, sum);
	site_notes.result = ouro_on_body(ctx, collect_body);
}

static void refuse(struct ouro_ctx *ctx)
{
	ouro_text(ctx, 403, OURO_STR("no"));
}

static void answer_later(struct ouro_ctx *ctx)
{
	site_notes.called++;
	ouro_text(ctx, 200, OURO_STR("later"));
}

static void note_gone(struct ouro_ctx *ctx)
{
	site_notes.gone++;
	site_notes.result = ouro_text(ctx, 200, OURO_STR("too late"));
}

static void later(struct ouro_ctx *ctx)
{
	ouro_on_gone(ctx, note_gone);
	ouro_after(ctx, SITE_LATER_MS, answer_later);
}

static void watch(struct ouro_ctx *ctx)
{
	ouro_on_gone(ctx, note_gone);
	collect(ctx);
}

static void hasty(struct ouro_ctx *ctx)
{
	later(ctx);
	refuse(ctx);
}

static void patient(struct ouro_ctx *ctx)
{
	ouro_after(ctx, SITE_LATER_MS, answer_later);
}

static void silent(struct ouro_ctx *ctx)
{
	(void)ctx;
}

static void unended(struct ouro_ctx *ctx)
{
	ouro_begin(ctx, 200, NULL, 10);
	ouro_write(ctx, OURO_STR("12345"));
}

static void twice(struct ouro_ctx *ctx)
{
	ouro_text(ctx, 200, OURO_STR("first"));
	site_notes.result = ouro_text(ctx, 500, OURO_STR("second"));
}

static void chunked(struct ouro_ctx *ctx)
{
	ouro_begin(ctx, 200, "text/plain", OURO_LENGTH_UNKNOWN);
	ouro_write(ctx, OURO_STR("one"));
	ouro_write(ctx, OURO_STR("two"));
	ouro_end(ctx);
}

static void too_short(struct ouro_ctx *ctx)
{
	ouro_begin(ctx, 200, NULL, 10);
	ouro_write(ctx, OURO_STR("12345"));
	ouro_end(ctx);
}

static void too_long(struct ouro_ctx *ctx)
{
	ouro_begin(ctx, 200, NULL, 5);
	site_notes.result = ouro_write(ctx, OURO_STR("123456"));
	ouro_write(ctx, OURO_STR("12345"));
	ouro_end(ctx);
}

static void fields(struct ouro_ctx *ctx)
{
	ouro_set_header(ctx, "x-one", OURO_STR("1"));
	ouro_set_header(ctx, "X-Two", OURO_STR("two words"));
	site_notes.result = ouro_set_header(ctx, "x-bad", OURO_STR("a\r\nset-cookie: b"));
	ouro_set_data(ctx, &site_notes);
	ouro_text(ctx, 200, OURO_STR("ok"));
}

static void no_more(struct ouro_ctx *ctx)
{
	ouro_keep_alive(ctx, false);
	ouro_text(ctx, 200, OURO_STR("last"));
}

static void cut_off(struct ouro_ctx *ctx)
{
	ouro_abort(ctx);
}

/* ---- Large answers ---- */

static char piece[PIECE_BYTES];

static size_t *make_left(struct ouro_ctx *ctx)
{
	size_t *left = ouro_alloc(ctx, sizeof(*left));

	*left = SITE_BIG_BYTES;
	ouro_set_data(ctx, left);
	return left;
}

static void go_on(struct ouro_ctx *ctx)
{
	size_t *left = ouro_data(ctx);
	int err = 0;

	while (*left > 0 && !err) {
		err = ouro_write_slice(ctx, (struct ouro_slice){ piece, sizeof(piece), NULL });
		*left -= sizeof(piece);
	}
	if (ouro_stream_pending(ctx->stream) > site_notes.pending_max)
		site_notes.pending_max = ouro_stream_pending(ctx->stream);
	if (*left > 0)
		ouro_on_drain(ctx, go_on);
	else
		ouro_end(ctx);
}

static void big(struct ouro_ctx *ctx)
{
	make_left(ctx);
	ouro_begin(ctx, 200, NULL, SITE_BIG_BYTES);
	go_on(ctx);
}

static void flood(struct ouro_ctx *ctx)
{
	size_t sum = 0;
	int err = 0;

	ouro_begin(ctx, 200, NULL, OURO_LENGTH_UNKNOWN);
	while (sum < 100 * SITE_BIG_BYTES && (err == 0 || err == -EAGAIN)) {
		err = ouro_write_slice(ctx, (struct ouro_slice){ piece, sizeof(piece), NULL });
		sum += sizeof(piece);
	}
	site_notes.result = err;
	site_notes.pending_max = ouro_stream_pending(ctx->stream);
	ouro_end(ctx);
}

static void heavy(struct ouro_ctx *ctx)
{
	static const char body[SITE_HEAVY_BYTES];

	ouro_send_static(ctx, 200, NULL, ouro_str(body, sizeof(body)));
}

static void heavy_later(struct ouro_ctx *ctx)
{
	ouro_after(ctx, SITE_LATER_MS, heavy);
}

static void typed(struct ouro_ctx *ctx)
{
	static char type[TYPE_BYTES + 1];

	memset(type, 't', TYPE_BYTES);
	site_notes.result = ouro_send(ctx, 200, type, OURO_STR("body"));
}

static void memory(struct ouro_ctx *ctx)
{
	bool clean = !ouro_data(ctx) && !ouro_param(ctx, "id").ptr && !ouro_is_answered(ctx) &&
		     !ouro_has_body(ctx) && !ouro_query_string(ctx).len &&
		     !ouro_header(ctx, "x-before").ptr;

	ouro_text(ctx, 200, clean ? OURO_STR("nothing") : OURO_STR("something"));
}

static void peer_address(struct ouro_ctx *ctx)
{
	ouro_text(ctx, 200, ouro_peer(ctx));
}

struct route {
	const char *method, *pattern;
	ouro_handler_fn handler;
};

static void add_routes(struct ouro_server *server, const struct route *routes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (ouro_server_route(server, routes[i].method, routes[i].pattern,
				      routes[i].handler, NULL))
			sim_fail("cannot add a route");
}

static void add_plain_routes(struct ouro_server *server, ouro_handler_fn echo_fn)
{
	const struct route routes[] = {
		{ "GET", "/plaintext", plaintext }, { "GET", "/json", json },
		{ "GET", "/users/{id}", user },     { "POST", "/echo", echo_fn },
		{ "POST", "/collect", collect },    { "POST", "/refuse", refuse },
		{ "GET", "/patient", patient },     { "GET", "/silent", silent },
		{ "GET", "/twice", twice },         { "GET", "/chunked", chunked },
		{ "GET", "/long", too_long },       { "GET", "/fields", fields },
		{ "GET", "/close", no_more },       { "GET", "/memory", memory },
	};

	add_routes(server, routes, sizeof(routes) / sizeof(routes[0]));
}

/* Of these the answers depend on more than the request, or are cut off. */
static void add_other_routes(struct ouro_server *server)
{
	static const struct route routes[] = {
		{ "GET", "/unended", unended },
		{ "GET", "/short", too_short },
		{ "GET", "/abort", cut_off },
		{ "GET", "/later", later },
		{ "GET", "/big", big },
		{ "GET", "/peer", peer_address },
		{ "GET", "/metrics", ouro_metrics },
		{ "POST", "/hasty", hasty },
		{ "POST", "/watch", watch },
		{ "GET", "/heavy", heavy },
		{ "GET", "/typed", typed },
		{ "GET", "/heavy-later", heavy_later },
	};

	add_routes(server, routes, sizeof(routes) / sizeof(routes[0]));
	/* On a fiber it would be made to wait. */
	if (ouro_server_route(server, "GET", "/flood", flood,
			      &(struct ouro_route_options){ .run_inline = true }))
		sim_fail("cannot add a route");
}

/* ---- Life ---- */

static void write_log(void *arg, enum ouro_log_level level, const char *line)
{
	struct site *site = arg;
	size_t len = strlen(site->logged);

	(void)level;
	snprintf(site->logged + len, sizeof(site->logged) - len, "%s\n", line);
}

/* What ouro_server_start() does, without sockets and without threads. */
static void start(struct site *site)
{
	struct ouro_server *server = site->server;
	struct ouro_worker *worker = calloc(1, sizeof(*worker));

	server->backend = &ouro_backend_sim;
	server->workers = worker;
	server->worker_count = 1;
	worker->server = server;
	worker->cpu = -1;
	worker->listeners = calloc(1, sizeof(*worker->listeners));
	worker->listen_fds = calloc(1, sizeof(*worker->listen_fds));
	worker->listen_fds[0] = SIM_LISTENER_FD;
	if (ouro_offload_create(&server->offload, 2, site->offload_queue_max) ||
	    ouro_server_compile(server) || ouro_static_open_roots(server) ||
	    ouro_worker_open(worker))
		sim_fail("cannot open the worker: %s", site->logged);
	site->worker = worker;
	site->loop = &worker->loop;
	site->sim = sim_of(site->loop);
}

static void create(struct site *site, const struct ouro_options *options,
		   const struct sim_settings *settings)
{
	struct ouro_options o = options ? *options : (struct ouro_options){ 0 };
	const struct sim_settings calm = { 0 };

	*site = (struct site){ 0 };
	site_notes = (struct site_notes){ 0 };
	o.listen = "tcp://127.0.0.1:0";
	o.threads = 1;
	o.recv_buffers = o.recv_buffers ? o.recv_buffers : 16;
	o.connections_max = o.connections_max ? o.connections_max : 64;
	o.log = write_log;
	o.log_arg = site;
	site->offload_queue_max = o.offload_queue_max ? o.offload_queue_max : 4;
	sim_prepare(settings ? settings : &calm);
	if (ouro_server_create(&site->server, &o))
		sim_fail("cannot create the server: %s", site->logged);
}

void site_open(struct site *site, const struct ouro_options *options,
	       const struct sim_settings *settings)
{
	create(site, options, settings);
	add_plain_routes(site->server, echo);
	add_other_routes(site->server);
	start(site);
}

void site_open_with(struct site *site, const struct ouro_options *options,
		    const struct sim_settings *settings, void (*set_up)(struct ouro_server *server))
{
	create(site, options, settings);
	set_up(site->server);
	start(site);
}

void site_open_for_replay(struct site *site, const struct ouro_options *options,
			  const struct sim_settings *settings)
{
	create(site, options, settings);
	add_plain_routes(site->server, echo_whole);
	start(site);
}

static void check_pool(const struct ouro_pool *pool, const char *name)
{
	if (pool->used_count != 0)
		sim_fail("%u of the %s are still in use", pool->used_count, name);
}

void site_close(struct site *site)
{
	struct ouro_worker *worker = site->worker;
	const struct sim_settings calm = { 0 };

	sim_change(site->sim, &calm);
	if (!worker->draining)
		ouro_worker_drain(worker);
	for (int ms = 0; ms < WAIT_MS && !ouro_worker_is_finished(worker); ms += 500)
		sim_advance(site->loop, 500);
	if (!ouro_worker_is_finished(worker))
		sim_fail("the worker does not finish");
	check_pool(&worker->exchanges, "exchanges");
	check_pool(&worker->arenas, "arenas");
	check_pool(&worker->carries, "carries");
	check_pool(&worker->inq_items, "queued slices");
	check_pool(&worker->conns.pools.queues, "send queues");
	check_pool(&worker->conns.pools.blocks, "send blocks");
	check_pool(&worker->conns.pools.buffers, "output buffers");
	if (worker->fibers.used_count != 0)
		sim_fail("%u fibers are still in use", worker->fibers.used_count);
	ouro_worker_close(worker);
	ouro_offload_destroy(site->server->offload);
	site->server->offload = NULL;
	ouro_server_destroy(site->server);
	free(worker->listeners);
	free(worker->listen_fds);
	free(worker);
}

struct sim_peer *site_connect(struct site *site)
{
	struct sim_peer *peer = sim_connect(site->sim);

	sim_settle(site->loop);
	return peer;
}

struct ouro_str site_ask(struct site *site, struct sim_peer *peer, const char *text)
{
	sim_peer_forget(peer);
	sim_peer_say(peer, text);
	sim_settle(site->loop);
	return sim_peer_received(peer);
}

struct answer site_answer(struct site *site, const char *text)
{
	struct sim_peer *peer = site_connect(site);
	struct ouro_str bytes = site_ask(site, peer, text);
	struct answer answer;

	if (!answer_read(&bytes, strncmp(text, "HEAD", 4) == 0, &answer))
		sim_fail("no whole answer to %.40s: %.*s", text, (int)bytes.len, bytes.ptr);
	if (bytes.len > 0)
		sim_fail("more than one answer to %.40s", text);
	return answer;
}

const struct ouro_counters *site_counters(const struct site *site)
{
	return &site->loop->counters;
}
