/* What handlers may do wrong, and what becomes of it; waiting, and clients that go. */
#include "server/site.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"
#define POST(path) "POST " path " HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n"

Test(context, a_handler_without_an_answer_is_500_and_a_log_line)
{
	struct site site;

	site_open(&site, NULL, NULL);
	cr_assert_eq(site_answer(&site, GET("/silent?x")).status, 500);
	cr_assert_not_null(
		strstr(site.logged, "the handler of /silent returned without an answer"));
	cr_assert_eq(site_counters(&site)->responses_5xx, 1);
	site_close(&site);
}

Test(context, a_second_answer_is_refused)
{
	struct site site;

	site_open(&site, NULL, NULL);
	cr_assert(ouro_str_eq(site_answer(&site, GET("/twice")).body, OURO_STR("first")));
	cr_assert_eq(site_notes.result, -EALREADY);
	site_close(&site);
}

Test(context, an_answer_that_is_not_ended_resets_and_is_logged)
{
	struct site site;
	struct sim_peer *peer;

	site_open(&site, NULL, NULL);
	peer = site_connect(&site);
	site_ask(&site, peer, GET("/unended"));
	cr_assert(sim_peer_saw_reset(peer));
	cr_assert_not_null(strstr(site.logged, "did not end its response"));
	site_close(&site);
}

Test(context, fewer_bytes_than_announced_reset)
{
	struct site site;
	struct sim_peer *peer;

	site_open(&site, NULL, NULL);
	peer = site_connect(&site);
	site_ask(&site, peer, GET("/short"));
	cr_assert(sim_peer_saw_reset(peer));
	site_close(&site);
}

Test(context, more_bytes_than_announced_are_refused)
{
	struct site site;
	struct answer answer;

	site_open(&site, NULL, NULL);
	answer = site_answer(&site, GET("/long"));
	cr_assert_eq(site_notes.result, -EMSGSIZE);
	cr_assert(ouro_str_eq(answer.body, OURO_STR("12345")));
	site_close(&site);
}

Test(context, fields_are_sent_and_line_ends_in_them_refused)
{
	struct site site;
	struct answer answer;

	site_open(&site, NULL, NULL);
	answer = site_answer(&site, GET("/fields"));
	cr_assert(ouro_str_eq(answer_field(&answer, "x-one"), OURO_STR("1")));
	cr_assert(ouro_str_eq(answer_field(&answer, "x-two"), OURO_STR("two words")));
	cr_assert_eq(site_notes.result, -EINVAL);
	site_close(&site);
}

Test(context, a_content_type_that_fits_in_no_head_is_refused_and_500)
{
	struct site site;

	site_open(&site, NULL, NULL);
	cr_assert_eq(site_answer(&site, GET("/typed")).status, 500);
	cr_assert_eq(site_notes.result, -EINVAL);
	site_close(&site);
}

Test(context, abort_resets)
{
	struct site site;
	struct sim_peer *peer;

	site_open(&site, NULL, NULL);
	peer = site_connect(&site);
	cr_assert_eq(site_ask(&site, peer, GET("/abort")).len, 0);
	cr_assert(sim_peer_saw_reset(peer));
	site_close(&site);
}

Test(context, an_answer_may_come_later)
{
	struct site site;
	struct sim_peer *peer;

	site_open(&site, NULL, NULL);
	peer = site_connect(&site);
	cr_assert_eq(site_ask(&site, peer, GET("/later")).len, 0);
	sim_advance(site.loop, SITE_LATER_MS - 1);
	cr_assert_eq(sim_peer_received(peer).len, 0);
	sim_advance(site.loop, 1);
	cr_assert_gt(sim_peer_received(peer).len, 0);
	cr_assert_eq(site_notes.gone, 0);
	site_close(&site);
}

Test(context, a_client_that_goes_is_told_once_and_cancels_the_wait)
{
	for (int reset = 0; reset < 2; reset++) {
		struct site site;
		struct sim_peer *peer;

		site_open(&site, NULL, NULL);
		peer = site_connect(&site);
		site_ask(&site, peer, GET("/later"));
		if (reset)
			sim_peer_reset(peer);
		else
			sim_peer_fin(peer);
		sim_settle(site.loop);
		cr_assert_eq(site_notes.gone, 1);
		cr_assert_eq(site_notes.result, -ENOTCONN);
		sim_advance(site.loop, 2 * SITE_LATER_MS);
		cr_assert_eq(site_notes.called, 0);
		cr_assert_eq(site_notes.gone, 1);
		cr_assert_eq(site.worker->exchanges.used_count, 0);
		site_close(&site);
	}
}

Test(context, who_waits_for_a_body_that_does_not_come_is_told_once)
{
	struct ouro_options options = { .body_timeout_ms = 900 };
	struct site site;
	struct sim_peer *peer;
	struct ouro_str got;
	struct answer answer;

	site_open(&site, &options, NULL);
	peer = site_connect(&site);
	site_ask(&site, peer, POST("/watch"));
	sim_advance(site.loop, 1100);
	got = sim_peer_received(peer);
	cr_assert(answer_read(&got, false, &answer));
	cr_assert_eq(answer.status, 408);
	cr_assert_eq(got.len, 0);
	cr_assert_eq(site_notes.gone, 1);
	sim_peer_reset(peer);
	sim_settle(site.loop);
	cr_assert_eq(site_notes.gone, 1);
	site_close(&site);
}

Test(context, who_has_answered_is_not_told)
{
	struct site site;
	struct sim_peer *peer;

	site_open(&site, NULL, NULL);
	peer = site_connect(&site);
	cr_assert_gt(site_ask(&site, peer, POST("/watch") "abc").len, 0);
	sim_peer_reset(peer);
	sim_settle(site.loop);
	cr_assert_eq(site_notes.gone, 0);
	site_close(&site);
}

Test(context, who_has_answered_before_the_body_came_is_not_told)
{
	struct site site;
	struct sim_peer *peer;

	site_open(&site, NULL, NULL);
	peer = site_connect(&site);
	cr_assert_gt(site_ask(&site, peer, POST("/hasty")).len, 0);
	sim_peer_reset(peer);
	sim_settle(site.loop);
	cr_assert_eq(site_notes.gone, 0);
	site_close(&site);
}

Test(context, who_does_not_ask_hears_nothing_of_a_client_that_resets)
{
	struct site site;
	struct sim_peer *peer;

	site_open(&site, NULL, NULL);
	peer = site_connect(&site);
	site_ask(&site, peer, GET("/patient"));
	sim_peer_reset(peer);
	sim_settle(site.loop);
	sim_advance(site.loop, 2 * SITE_LATER_MS);
	cr_assert_eq(site_notes.called, 0);
	site_close(&site);
}

Test(context, the_peer_has_an_address)
{
	const struct sim_settings settings = { .remote = true };
	struct site site;
	struct answer answer;

	site_open(&site, NULL, &settings);
	answer = site_answer(&site, GET("/peer"));
	cr_assert_gt(answer.body.len, 13);
	cr_assert_eq(memcmp(answer.body.ptr, "198.51.100.7:", 13), 0);
	site_close(&site);
}

Test(context, metrics_tell_what_was_counted)
{
	struct site site;
	struct answer answer;
	char text[8192];

	site_open(&site, NULL, NULL);
	site_answer(&site, GET("/plaintext"));
	answer = site_answer(&site, GET("/metrics"));
	memcpy(text, answer.body.ptr, answer.body.len);
	text[answer.body.len] = '\0';
	cr_assert_not_null(strstr(text, "\nouro_requests_total 2\n"));
	cr_assert_not_null(strstr(text, "\nouro_connections 2\n"));
	site_close(&site);
}

/* ---- Figures, one by one ---- */

struct looked_for {
	struct ouro_str name;
	struct ouro_metric metric;
	int count;
};

static void look(void *arg, const struct ouro_metric *metric)
{
	struct looked_for *wanted = arg;

	if (ouro_str_eq(ouro_str_c(metric->name), wanted->name)) {
		wanted->metric = *metric;
		wanted->count++;
	}
}

static void one_metric(struct ouro_ctx *ctx)
{
	struct looked_for wanted = { .name = ouro_query(ctx, "name") };

	ouro_server_metrics_each(ouro_server_of(ctx), look, &wanted);
	ouro_textf(ctx, 200, "%d %d %llu", wanted.count, wanted.metric.is_gauge,
		   (unsigned long long)wanted.metric.value);
}

static void add_one_metric(struct ouro_server *server)
{
	cr_assert_eq(ouro_server_route(server, "GET", "/metric", one_metric, NULL), 0);
}

Test(context, handlers_reach_the_figures_of_their_server)
{
	struct site site;

	site_open_with(&site, NULL, NULL, add_one_metric);
	site_answer(&site, GET("/none"));
	cr_expect(ouro_str_eq(site_answer(&site, GET("/metric?name=requests")).body,
			      OURO_STR("1 0 2")));
	cr_expect(ouro_str_eq(site_answer(&site, GET("/metric?name=connections")).body,
			      OURO_STR("1 1 3")));
	cr_expect(ouro_str_eq(site_answer(&site, GET("/metric?name=no")).body, OURO_STR("0 0 0")));
	site_close(&site);
}
