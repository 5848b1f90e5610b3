/* Names of contexts: what is posted to one arrives or is refused, and never goes to another. */
#include "server/site.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"

static struct site site;
static struct ouro_ref ref;
static int result, with_ctx, with_null;

static void waits(struct ouro_ctx *ctx)
{
	ref = ouro_ref(ctx);
	result = ouro_wait(ctx, OURO_FOREVER);
	ouro_text(ctx, 200, OURO_STR("ok"));
}

static void later(struct ouro_ctx *ctx)
{
	ouro_text(ctx, 200, OURO_STR("later"));
}

static void calls_back(struct ouro_ctx *ctx)
{
	ref = ouro_ref(ctx);
	ouro_after(ctx, 1000, later);
}

static void names_twice(struct ouro_ctx *ctx)
{
	struct ouro_ref again = ouro_ref(ctx);

	ref = ouro_ref(ctx);
	result = again.index == ref.index && again.generation == ref.generation &&
		 ref.generation != 0;
	ouro_text(ctx, 200, OURO_STR("ok"));
}

static void count(struct ouro_ctx *ctx, void *arg)
{
	(void)arg;
	if (ctx)
		with_ctx++;
	else
		with_null++;
}

static void answer_posted(struct ouro_ctx *ctx, void *arg)
{
	with_ctx++;
	ouro_text(ctx, 200, ouro_str(arg, strlen(arg)));
}

static void abort_posted(struct ouro_ctx *ctx, void *arg)
{
	(void)arg;
	with_ctx++;
	ouro_abort(ctx);
}

static void wait_posted(struct ouro_ctx *ctx, void *arg)
{
	*(int *)arg = ouro_sleep(ctx, 1);
}

static void post_again(struct ouro_ctx *ctx, void *arg)
{
	(void)arg;
	with_ctx += ctx != NULL;
	if (with_ctx < 3)
		cr_assert_eq(ouro_post(ref, post_again, NULL), 0);
}

static void set_up(struct ouro_server *server)
{
	ouro_server_route(server, "GET", "/wait", waits, NULL);
	ouro_server_route(server, "GET", "/later", calls_back, NULL);
	ouro_server_route(server, "GET", "/twice", names_twice, NULL);
}

static void open_site(void)
{
	result = 1;
	with_ctx = with_null = 0;
	site_open_with(&site, NULL, NULL, set_up);
}

static struct sim_peer *begin(const char *request)
{
	struct sim_peer *peer = site_connect(&site);

	site_ask(&site, peer, request);
	return peer;
}

static unsigned status_of(const struct sim_peer *peer)
{
	struct ouro_str bytes = sim_peer_received(peer);
	struct answer answer;

	return answer_read(&bytes, false, &answer) ? answer.status : 0;
}

Test(ref, is_the_same_for_one_context)
{
	open_site();
	site_answer(&site, GET("/twice"));
	cr_assert_eq(result, true);
	site_close(&site);
}

Test(ref, of_zero_names_nobody)
{
	const struct ouro_ref none = { 0 };

	open_site();
	cr_assert_eq(ouro_resume(none, 1), -ENOTCONN);
	cr_assert_eq(ouro_post(none, count, NULL), -ENOTCONN);
	cr_assert_eq(ouro_post((struct ouro_ref){ UINT32_MAX, 1 }, count, NULL), -ENOTCONN);
	site_close(&site);
}

Test(ref, of_a_context_that_has_ended_is_enotconn)
{
	open_site();
	site_answer(&site, GET("/twice"));
	cr_assert_eq(ouro_resume(ref, 1), -ENOTCONN);
	cr_assert_eq(ouro_post(ref, count, NULL), -ENOTCONN);
	cr_assert_eq(with_null, 0);
	site_close(&site);
}

Test(ref, does_not_become_that_of_the_next_in_its_slot)
{
	struct ouro_ref old;

	open_site();
	site_answer(&site, GET("/twice"));
	old = ref;
	begin(GET("/wait"));
	cr_assert_eq(ref.index, old.index);
	cr_assert_neq(ref.generation, old.generation);
	cr_assert_eq(ouro_resume(old, 1), -ENOTCONN);
	sim_settle(site.loop);
	cr_assert_eq(result, true);
	cr_assert_eq(ouro_resume(ref, 3), 0);
	sim_settle(site.loop);
	cr_assert_eq(result, 3);
	site_close(&site);
}

/* A resume that is on its way when its context ends must not wake the next one. */
Test(ref, keeps_its_slot_while_a_resume_is_on_its_way)
{
	struct ouro_ref old;
	struct sim_peer *peer;

	open_site();
	peer = begin(GET("/later"));
	old = ref;
	sim_peer_reset(peer);
	cr_assert_eq(ouro_resume(old, 9), 0);
	begin(GET("/wait"));
	sim_settle(site.loop);
	cr_assert_eq(result, 1);
	cr_assert_eq(ouro_resume(old, 9), -ENOTCONN);
	site_close(&site);
}

Test(ref, of_a_server_that_is_gone_is_enotconn)
{
	open_site();
	begin(GET("/wait"));
	site_close(&site);
	cr_assert_eq(result, -ECANCELED);
	cr_assert_eq(ouro_resume(ref, 1), -ENOTCONN);
	cr_assert_eq(ouro_post(ref, count, NULL), -ENOTCONN);
	open_site();
	cr_assert_eq(ouro_resume(ref, 1), -ENOTCONN);
	begin(GET("/wait"));
	site_close(&site);
}

Test(post, calls_back_with_the_context)
{
	struct sim_peer *peer;

	open_site();
	peer = begin(GET("/later"));
	cr_assert_eq(ouro_post(ref, answer_posted, "posted"), 0);
	cr_assert_eq(with_ctx, 0);
	sim_settle(site.loop);
	cr_assert_eq(with_ctx, 1);
	cr_assert_eq(status_of(peer), 200);
	site_close(&site);
}

Test(post, may_answer_for_a_handler_that_waits)
{
	struct sim_peer *peer;

	open_site();
	peer = begin(GET("/wait"));
	cr_assert_eq(ouro_post(ref, answer_posted, "posted"), 0);
	sim_settle(site.loop);
	cr_assert_eq(status_of(peer), 200);
	cr_assert_eq(result, 1);
	cr_assert_eq(ouro_resume(ref, 0), 0);
	sim_settle(site.loop);
	cr_assert_eq(result, 0);
	cr_assert_eq(site_counters(&site)->responses, 1);
	site_close(&site);
}

Test(post, may_abort_what_waits)
{
	struct sim_peer *peer;

	open_site();
	peer = begin(GET("/wait"));
	cr_assert_eq(ouro_post(ref, abort_posted, NULL), 0);
	sim_settle(site.loop);
	cr_assert_eq(result, -ECANCELED);
	cr_assert(sim_peer_saw_reset(peer));
	site_close(&site);
}

Test(post, must_not_wait)
{
	int slept = 1;

	open_site();
	begin(GET("/wait"));
	cr_assert_eq(ouro_post(ref, wait_posted, &slept), 0);
	sim_settle(site.loop);
	cr_assert_eq(slept, -EDEADLK);
	site_close(&site);
}

Test(post, may_post_again)
{
	open_site();
	begin(GET("/wait"));
	cr_assert_eq(ouro_post(ref, post_again, NULL), 0);
	sim_settle(site.loop);
	cr_assert_eq(with_ctx, 3);
	site_close(&site);
}

Test(post, to_one_that_ends_before_it_arrives_gets_null_once)
{
	struct sim_peer *peer;

	open_site();
	peer = begin(GET("/later"));
	cr_assert_eq(ouro_post(ref, abort_posted, NULL), 0);
	cr_assert_eq(ouro_post(ref, count, NULL), 0);
	cr_assert_eq(ouro_post(ref, count, NULL), 0);
	sim_settle(site.loop);
	cr_assert_eq(with_ctx, 1);
	cr_assert_eq(with_null, 2);
	cr_assert(sim_peer_saw_reset(peer));
	site_close(&site);
}

Test(post, to_a_server_that_ends_before_it_arrives_is_called_all_the_same)
{
	open_site();
	begin(GET("/later"));
	for (int i = 0; i < 10; i++)
		cr_assert_eq(ouro_post(ref, count, NULL), 0);
	site_close(&site);
	cr_assert_eq(with_ctx + with_null, 10);
}

static void *resume_from_thread(void *arg)
{
	*(int *)arg = ouro_resume(ref, 4);
	return NULL;
}

Test(resume, comes_from_any_thread)
{
	pthread_t thread;
	int err = 1;

	open_site();
	begin(GET("/wait"));
	pthread_create(&thread, NULL, resume_from_thread, &err);
	pthread_join(thread, NULL);
	sim_settle(site.loop);
	cr_assert_eq(err, 0);
	cr_assert_eq(result, 4);
	site_close(&site);
}
