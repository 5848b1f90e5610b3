/* How requests end where several things go wrong at once: nobody is called twice or too late, and half of an
 * answer is never taken for all of it. */
#include "server/expect.h"

#include <stdatomic.h>
#include <unistd.h>

static int gone, called, result;
static atomic_bool gate;

static void free_thing(void *arg)
{
	free(arg);
}
static void gone_panics(struct ouro_ctx *ctx)
{
	gone++;
	ouro_panic(ctx, "in on_gone");
}
static void uses_after(struct ouro_ctx *ctx)
{
	int *mine = malloc(sizeof(*mine));
	*mine = 1;
	ouro_defer(ctx, free_thing, mine);
	ouro_on_gone(ctx, gone_panics);
	ouro_sleep(ctx, 100000);
	*mine = 2; /* the handler is not over: nothing deferred may have run */
}
static void defer_and_watch(struct ouro_server *server)
{
	add(server, "GET", "/", uses_after);
}
Test(ends, what_a_handler_deferred_waits_for_its_end_though_on_gone_panics)
{
	struct site site;
	struct sim_peer *peer;
	site_open_with(&site, NULL, NULL, defer_and_watch);
	peer = site_connect(&site);
	site_ask(&site, peer, GET("/"));
	sim_peer_reset(peer);
	sim_settle(site.loop);
	site_close(&site);
}

static void sleeper(struct ouro_ctx *ctx)
{
	ouro_sleep(ctx, 100000);
	ouro_text(ctx, 200, OURO_STR("x"));
}
static void stream_error(struct ouro_ctx *ctx)
{
	ouro_begin(ctx, ouro_error_status(ctx), "text/plain", OURO_LENGTH_UNKNOWN);
	ouro_write(ctx, OURO_STR("error"));
}
static void fails(struct ouro_ctx *ctx)
{
	ouro_error(ctx, 404, NULL);
}
static void streaming_errors(struct ouro_server *server)
{
	add(server, "GET", "/sleep", sleeper);
	add(server, "GET", "/fail", fails);
	ouro_server_hook(server, OURO_HOOK_ERROR, 0, stream_error);
}
Test(ends, an_error_hook_that_streams_is_ended_where_no_fiber_is_to_be_had)
{
	struct site site;
	struct ouro_options o = { .fibers_max = 1 };
	struct sim_peer *peer, *other;
	struct ouro_str got;
	site_open_with(&site, &o, NULL, streaming_errors);
	other = site_connect(&site);
	got = site_ask(&site, other, GET("/fail"));
	peer = site_connect(&site);
	site_ask(&site, peer, GET("/sleep"));
	other = site_connect(&site);
	got = site_ask(&site, other, GET("/fail"));
	sim_advance(site.loop, 90000);
	cr_assert(memmem(got.ptr, got.len, "0\r\n\r\n", 5) != NULL);
	sim_peer_reset(peer);
	site_close(&site);
}
Test(ends, an_error_hook_that_streams_is_ended_for_a_malformed_head)
{
	struct site site;
	struct sim_peer *peer;

	site_open_with(&site, NULL, NULL, streaming_errors);
	peer = site_connect(&site);
	/* The version is not known: the body ends with the connection, in order. */
	cr_assert(holds(site_ask(&site, peer, "BAD\r\n\r\n"), "\r\n\r\nerror"));
	cr_assert(sim_peer_saw_end(peer));
	cr_assert_not(sim_peer_saw_reset(peer));
	site_close(&site);
}

static void note_gone(struct ouro_ctx *ctx)
{
	(void)ctx;
	gone++;
}
static void answer_late(struct ouro_ctx *ctx)
{
	called++;
	ouro_text(ctx, 200, OURO_STR("x"));
}
static void callback_style(struct ouro_ctx *ctx)
{
	ouro_on_gone(ctx, note_gone);
	ouro_after(ctx, 10000, answer_late);
}
static void limited(struct ouro_server *server)
{
	ouro_server_route(server, "GET", "/", callback_style,
			  &(struct ouro_route_options){ .handler_timeout_ms = 100 });
}
Test(ends, callbacks_that_had_their_time_are_told)
{
	struct site site;
	struct sim_peer *peer;
	gone = called = 0;
	site_open_with(&site, NULL, NULL, limited);
	peer = site_connect(&site);
	site_ask(&site, peer, GET("/"));
	sim_advance(site.loop, 20000);
	cr_assert(holds(sim_peer_received(peer), "503"));
	cr_assert_eq(gone + called, 1, "gone %d called %d", gone, called);
	site_close(&site);
}

static void reads_behind(struct ouro_ctx *ctx)
{
	struct ouro_str body;
	ouro_next(ctx);
	result = ouro_body(ctx, &body);
}
static void plain(struct ouro_ctx *ctx)
{
	ouro_text(ctx, 200, OURO_STR("ok"));
}
static void reading_behind(struct ouro_server *server)
{
	ouro_server_use(server, reads_behind);
	add(server, "POST", "/", plain);
}
Test(ends, a_body_read_behind_a_held_answer_is_asked_for)
{
	struct site site;
	struct sim_peer *peer;
	struct ouro_str got;
	site_open_with(&site, NULL, NULL, reading_behind);
	peer = site_connect(&site);
	got = site_ask(&site, peer,
		       ASK("POST", "/", "Content-Length: 3\r\nExpect: 100-continue\r\n"));
	sim_advance(site.loop, 60000);
	got = sim_peer_received(peer);
	cr_assert(holds(got, "HTTP/1.1 100"));
	site_close(&site);
}

static void panics(struct ouro_ctx *ctx)
{
	ouro_panic(ctx, "p");
}
static void half(struct ouro_ctx *ctx)
{
	ouro_begin(ctx, 500, "text/plain", OURO_LENGTH_UNKNOWN);
	ouro_write(ctx, OURO_STR("half"));
	ouro_panic(ctx, "in the panic hook");
}
static void half_panic_site(struct ouro_server *server)
{
	add(server, "GET", "/", panics);
	ouro_server_hook(server, OURO_HOOK_PANIC, 0, half);
}
Test(ends, half_of_a_panic_hooks_answer_is_not_taken_for_all)
{
	struct site site;
	struct sim_peer *peer;
	struct ouro_str got;
	site_open_with(&site, NULL, NULL, half_panic_site);
	peer = site_connect(&site);
	got = site_ask(&site, peer, GET("/"));
	cr_assert(memmem(got.ptr, got.len, "0\r\n\r\n", 5) == NULL);
	site_close(&site);
}

static void block(void *arg)
{
	(void)arg;
	while (!atomic_load(&gate))
		usleep(100);
}
static void on_body(struct ouro_ctx *ctx, struct ouro_slice c, bool last)
{
	(void)ctx;
	(void)c;
	(void)last;
}
static void again(struct ouro_ctx *ctx)
{
	(void)ctx;
	called++;
}
static void deferred_after(void *arg)
{
	result = ouro_after(arg, 10, again);
}
static void defers(struct ouro_ctx *ctx)
{
	ouro_defer(ctx, deferred_after, ctx);
	ouro_on_body(ctx, on_body);
	ouro_offload(ctx, block, NULL, 0);
}
static void offloading(struct ouro_server *server)
{
	add(server, "POST", "/", defers);
}
Test(ends, an_abandoned_exchange_is_not_called_again)
{
	struct site site;
	struct sim_peer *peer;
	called = 0;
	result = 1;
	atomic_store(&gate, false);
	site_open_with(&site, NULL, NULL, offloading);
	peer = site_connect(&site);
	site_ask(&site, peer, ASK("POST", "/", "Content-Length: 3\r\n"));
	usleep(20000);
	sim_peer_reset(peer);
	sim_settle(site.loop);
	sim_advance(site.loop, 100);
	cr_assert_eq(called, 0);
	atomic_store(&gate, true);
	usleep(20000);
	sim_settle(site.loop);
	site_close(&site);
}

static void naps(struct ouro_ctx *ctx)
{
	if (ouro_sleep(ctx, 50) == 0)
		ouro_text(ctx, 200, OURO_STR("ok"));
}
static void offloading_and_napping(struct ouro_server *server)
{
	add(server, "POST", "/", defers);
	add(server, "GET", "/", naps);
}
Test(ends, an_abandoned_exchange_leaves_the_next_connection_alone)
{
	struct site site;
	struct sim_peer *peer, *other;
	called = 0;
	result = 1;
	atomic_store(&gate, false);
	site_open_with(&site, NULL, NULL, offloading_and_napping);
	peer = site_connect(&site);
	site_ask(&site, peer, ASK("POST", "/", "Content-Length: 3\r\n"));
	usleep(20000);
	sim_peer_reset(peer);
	sim_settle(site.loop);
	other = site_connect(&site);
	site_ask(&site, other, GET("/"));
	sim_advance(site.loop, 20);
	sim_peer_reset(other);
	sim_settle(site.loop);
	cr_assert_eq(site.worker->fibers.used_count, 0);
	sim_advance(site.loop, 100);
	atomic_store(&gate, true);
	usleep(20000);
	sim_settle(site.loop);
	site_close(&site);
}
static void half_error(struct ouro_ctx *ctx)
{
	ouro_begin(ctx, 404, "text/plain", OURO_LENGTH_UNKNOWN);
	ouro_write(ctx, OURO_STR("half"));
	ouro_panic(ctx, "in the error hook");
}
static void half_error_site(struct ouro_server *server)
{
	add(server, "GET", "/", fails);
	ouro_server_hook(server, OURO_HOOK_ERROR, 0, half_error);
}
Test(ends, half_of_an_error_hooks_answer_is_not_taken_for_all)
{
	struct site site;
	struct ouro_str got;
	site_open_with(&site, NULL, NULL, half_error_site);
	got = site_ask(&site, site_connect(&site), GET("/"));
	cr_assert(memmem(got.ptr, got.len, "0\r\n\r\n", 5) == NULL);
	site_close(&site);
}
