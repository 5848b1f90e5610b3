/* Requests and answers of the HTTP/1 session: order, persistence, forms. */
#include "server/site.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"
#define DATE "date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
#define PLAINTEXT                                                                                  \
	"HTTP/1.1 200 OK\r\n" DATE "content-type: text/plain; charset=utf-8\r\n"                   \
	"content-length: 13\r\n\r\nHello, World!"

static bool is(struct ouro_str got, const char *expected)
{
	bool equal = ouro_str_eq(got, ouro_str_c(expected));

	if (!equal)
		fprintf(stderr, "got: %.*s\nexpected: %s\n", (int)got.len, got.ptr, expected);
	return equal;
}

Test(http, an_answer_is_these_bytes)
{
	struct site site;

	site_open(&site, NULL, NULL);
	cr_assert(is(site_ask(&site, site_connect(&site), GET("/plaintext")), PLAINTEXT));
	site_close(&site);
}

Test(http, sixteen_pipelined_requests_leave_as_one_send_in_order)
{
	struct site site;
	struct sim_peer *peer;
	struct ouro_str got;
	char requests[2048] = "";
	uint64_t before;

	site_open(&site, NULL, NULL);
	peer = site_connect(&site);
	for (int i = 0; i < 16; i++)
		snprintf(requests + strlen(requests), sizeof(requests) - strlen(requests),
			 "GET /users/%d HTTP/1.1\r\nHost: a\r\n\r\n", i);
	before = sim_counts(site.sim)->sends;
	got = site_ask(&site, peer, requests);
	cr_assert_eq(sim_counts(site.sim)->sends, before + 1);
	for (int i = 0; i < 16; i++) {
		struct answer answer;
		char id[8];

		cr_assert(answer_read(&got, false, &answer));
		snprintf(id, sizeof(id), "%d", i);
		cr_assert(is(answer.body, id));
	}
	cr_assert_eq(got.len, 0);
	site_close(&site);
}

Test(http, a_pipelined_request_waits_for_the_one_before_it)
{
	struct site site;
	struct sim_peer *peer;
	struct ouro_str got;
	struct answer answer;

	site_open(&site, NULL, NULL);
	peer = site_connect(&site);
	got = site_ask(&site, peer, GET("/patient") GET("/plaintext") GET("/users/7"));
	cr_assert_eq(got.len, 0);
	sim_advance(site.loop, SITE_LATER_MS);
	got = sim_peer_received(peer);
	cr_assert(answer_read(&got, false, &answer) && is(answer.body, "later"));
	cr_assert(answer_read(&got, false, &answer) && is(answer.body, "Hello, World!"));
	cr_assert(answer_read(&got, false, &answer) && is(answer.body, "7"));
	site_close(&site);
}

struct persistence {
	const char *request;
	const char *field; /* the answer's connection field; NULL: none */
	bool stays;
};

static const struct persistence persistences[] = {
	{ "GET /plaintext HTTP/1.1\r\nHost: a\r\n\r\n", NULL, true },
	{ "GET /plaintext HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "close", false },
	{ "GET /plaintext HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n", "close", false },
	{ "GET /plaintext HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n", NULL, true },
	{ "GET /plaintext HTTP/1.0\r\n\r\n", "close", false },
	{ "GET /plaintext HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "keep-alive", true },
	{ "GET /plaintext HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", "close", false },
	{ "GET /close HTTP/1.1\r\nHost: a\r\n\r\n", "close", false },
	{ "GET /none HTTP/1.1\r\nHost: a\r\n\r\n", NULL, true },
	{ "POST /plaintext HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", NULL, true },
	{ "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", "close", false },
	{ "bad\r\n\r\n", "close", false },
};

Test(http, connections_stay_open_by_version_and_field)
{
	for (size_t i = 0; i < sizeof(persistences) / sizeof(persistences[0]); i++) {
		const struct persistence *p = &persistences[i];
		struct site site;
		struct sim_peer *peer;
		struct ouro_str got;
		struct answer answer;

		site_open(&site, NULL, NULL);
		peer = site_connect(&site);
		got = site_ask(&site, peer, p->request);
		cr_assert(answer_read(&got, false, &answer), "%s", p->request);
		cr_assert(ouro_str_eq(answer_field(&answer, "connection"), ouro_str_c(p->field)),
			  "%s", p->request);
		cr_assert_eq(sim_peer_saw_end(peer), !p->stays, "%s", p->request);
		cr_assert_not(sim_peer_saw_reset(peer));
		if (p->stays)
			cr_assert(is(site_ask(&site, peer, GET("/plaintext")), PLAINTEXT));
		site_close(&site);
	}
}

Test(http, nothing_behind_the_last_request_is_answered)
{
	struct site site;
	struct ouro_str got;
	struct answer answer;

	site_open(&site, NULL, NULL);
	got = site_ask(&site, site_connect(&site), GET("/close") GET("/plaintext"));
	cr_assert(answer_read(&got, false, &answer));
	cr_assert_eq(got.len, 0);
	cr_assert_eq(site_counters(&site)->requests, 1);
	site_close(&site);
}

Test(http, an_answer_that_ends_the_connection_is_not_lost_to_requests_behind_it)
{
	struct site site;
	struct sim_peer *peer;

	site_open(&site, NULL, NULL);
	peer = site_connect(&site);
	sim_peer_set_reading(peer, false);
	site_ask(&site, peer, GET("/close"));
	/* The client cannot know yet. */
	site_ask(&site, peer, GET("/plaintext"));
	sim_peer_set_reading(peer, true);
	cr_assert(ouro_str_starts(sim_peer_received(peer), OURO_STR("HTTP/1.1 200 OK\r\n")));
	cr_assert_not(sim_peer_saw_reset(peer));
	cr_assert_eq(site_counters(&site)->responses, 1);
	site_close(&site);
}

Test(http, nothing_behind_a_bad_request_is_answered)
{
	struct site site;
	struct ouro_str got;
	struct answer answer;

	site_open(&site, NULL, NULL);
	got = site_ask(&site, site_connect(&site),
		       GET("/plaintext") "GET / HTTP/1.1\r\nHost : a\r\n\r\n" GET("/plaintext"));
	cr_assert(answer_read(&got, false, &answer) && answer.status == 200);
	cr_assert(answer_read(&got, false, &answer) && answer.status == 400);
	cr_assert_eq(got.len, 0);
	site_close(&site);
}

Test(http, head_is_answered_with_the_head_of_get)
{
	static const char *const paths[] = { "/plaintext", "/chunked", "/fields", "/users/5",
					     "/none" };
	struct site site;

	site_open(&site, NULL, NULL);
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		char get[100], head[100];
		struct sim_peer *peer = site_connect(&site);
		struct answer to_get, to_head;
		struct ouro_str got;

		snprintf(get, sizeof(get), "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", paths[i]);
		snprintf(head, sizeof(head), "HEAD %s HTTP/1.1\r\nHost: a\r\n\r\n", paths[i]);
		to_get = site_answer(&site, get);
		got = site_ask(&site, peer, head);
		cr_assert(answer_read(&got, true, &to_head), "%s", paths[i]);
		cr_assert_eq(got.len, 0, "%s", paths[i]);
		cr_assert(ouro_str_eq(to_get.head, to_head.head), "%s", paths[i]);
		/* And the next request is understood. */
		cr_assert(is(site_ask(&site, peer, GET("/plaintext")), PLAINTEXT));
	}
	site_close(&site);
}

Test(http, what_no_route_has_is_404)
{
	struct site site;

	site_open(&site, NULL, NULL);
	cr_assert_eq(site_answer(&site, GET("/none")).status, 404);
	cr_assert_eq(site_answer(&site, GET("/users/1/2")).status, 404);
	cr_assert_eq(site_answer(&site, GET("/users/")).status, 404);
	cr_assert_eq(site_counters(&site)->responses_4xx, 3);
	site_close(&site);
}

Test(http, another_method_is_405_with_those_that_are_allowed)
{
	struct site site;
	struct answer answer;

	site_open(&site, NULL, NULL);
	answer = site_answer(&site, "DELETE /plaintext HTTP/1.1\r\nHost: a\r\n\r\n");
	cr_assert_eq(answer.status, 405);
	cr_assert(is(answer_field(&answer, "allow"), "GET, HEAD, OPTIONS"));
	answer = site_answer(&site, GET("/echo"));
	cr_assert_eq(answer.status, 405);
	cr_assert(is(answer_field(&answer, "allow"), "POST, OPTIONS"));
	site_close(&site);
}

Test(http, parameters_are_decoded_and_bad_escapes_are_400)
{
	struct site site;

	site_open(&site, NULL, NULL);
	cr_assert(is(site_answer(&site, GET("/users/a%2Fb%20c")).body, "a/b c"));
	cr_assert_eq(site_answer(&site, GET("/users/%zz")).status, 400);
	cr_assert(is(site_answer(&site, GET("/json?x=1&name=a%22+b")).body,
		     "{\"name\":\"a\\\" b\"}"));
	site_close(&site);
}

Test(http, all_forms_of_targets_are_understood)
{
	struct site site;

	site_open(&site, NULL, NULL);
	cr_assert(is(site_answer(&site, "GET http://b/users/9?q HTTP/1.1\r\nHost: a\r\n\r\n").body,
		     "9"));
	cr_assert_eq(site_answer(&site, "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n").status, 204);
	cr_assert_eq(site_answer(&site, "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n").status, 501);
	site_close(&site);
}

Test(http, http_1_0_gets_no_chunks)
{
	struct site site;
	struct sim_peer *peer;
	struct ouro_str got;
	struct answer answer;

	site_open(&site, NULL, NULL);
	peer = site_connect(&site);
	got = site_ask(&site, peer, "GET /chunked HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	cr_assert(answer_read(&got, false, &answer));
	cr_assert(answer.until_close);
	cr_assert(is(answer.body, "onetwo"));
	cr_assert(is(answer_field(&answer, "connection"), "close"));
	cr_assert(sim_peer_saw_end(peer));
	site_close(&site);
}

Test(http, pieces_of_unknown_length_are_chunks)
{
	struct site site;
	struct answer answer;

	site_open(&site, NULL, NULL);
	answer = site_answer(&site, GET("/chunked"));
	cr_assert(answer.chunked);
	cr_assert(is(answer.body, "3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"));
	site_close(&site);
}

Test(http, after_its_end_the_client_still_gets_its_answers)
{
	struct site site;
	struct sim_peer *peer;
	struct ouro_str got;
	struct answer answer;

	site_open(&site, NULL, NULL);
	peer = site_connect(&site);
	sim_peer_say(peer, GET("/patient") GET("/plaintext"));
	sim_peer_fin(peer);
	sim_settle(site.loop);
	sim_advance(site.loop, SITE_LATER_MS);
	got = sim_peer_received(peer);
	cr_assert(answer_read(&got, false, &answer) && is(answer.body, "later"));
	cr_assert(answer_read(&got, false, &answer) && is(answer.body, "Hello, World!"));
	cr_assert(sim_peer_is_over(peer));
	cr_assert_not(sim_peer_saw_reset(peer));
	site_close(&site);
}

Test(http, after_its_end_the_client_gets_a_large_answer_whole_and_then_the_end)
{
	struct site site;
	struct sim_peer *peer;
	struct ouro_str got;
	struct answer answer;

	site_open(&site, NULL, NULL);
	peer = site_connect(&site);
	sim_peer_set_reading(peer, false);
	sim_peer_say(peer, GET("/heavy-later"));
	sim_peer_fin(peer);
	sim_advance(site.loop, SITE_LATER_MS);
	sim_peer_set_reading(peer, true);
	sim_settle(site.loop);
	got = sim_peer_received(peer);
	cr_assert(answer_read(&got, false, &answer));
	cr_assert_eq(answer.body.len, SITE_HEAVY_BYTES);
	cr_assert(sim_peer_is_over(peer));
	cr_assert_not(sim_peer_saw_reset(peer));
	site_close(&site);
}

Test(http, an_end_between_requests_closes)
{
	for (int used = 0; used < 2; used++) {
		struct site site;
		struct sim_peer *peer;

		site_open(&site, NULL, NULL);
		peer = site_connect(&site);
		if (used)
			site_ask(&site, peer, GET("/plaintext"));
		sim_peer_fin(peer);
		sim_settle(site.loop);
		cr_assert(sim_peer_is_over(peer));
		cr_assert_not(sim_peer_saw_reset(peer));
		site_close(&site);
	}
}

Test(http, an_end_within_a_request_is_400)
{
	static const char *const requests[] = {
		"GET /plaintext HT",
		"GET /plaintext HTTP/1.1\r\nHost: a\r\n",
		"POST /collect HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n1234",
		"POST /collect HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n1234",
	};

	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		struct site site;
		struct sim_peer *peer;
		struct ouro_str got;
		struct answer answer;

		site_open(&site, NULL, NULL);
		peer = site_connect(&site);
		sim_peer_say(peer, requests[i]);
		sim_peer_fin(peer);
		sim_settle(site.loop);
		got = sim_peer_received(peer);
		cr_assert(answer_read(&got, false, &answer), "%s", requests[i]);
		cr_assert_eq(answer.status, 400);
		cr_assert_eq(got.len, 0);
		cr_assert(sim_peer_is_over(peer));
		site_close(&site);
	}
}

Test(http, nothing_of_a_request_is_left_for_the_next)
{
	static const char *const before[] = {
		GET("/users/5"),
		"GET /fields?name=x HTTP/1.1\r\nHost: a\r\nX-Before: 1\r\n\r\n",
		"POST /collect HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
		"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
		"3\r\nabc\r\n0\r\n\r\n",
		"HEAD /plaintext HTTP/1.1\r\nHost: a\r\n\r\n",
		GET("/twice"),
		GET("/silent"),
		GET("/none"),
		GET("/chunked"),
	};
	struct site site;
	struct sim_peer *peer;

	site_open(&site, NULL, NULL);
	peer = site_connect(&site);
	for (size_t i = 0; i < sizeof(before) / sizeof(before[0]); i++) {
		struct answer answer;
		struct ouro_str got;

		cr_assert_gt(site_ask(&site, peer, before[i]).len, 0);
		got = site_ask(&site, peer, GET("/memory"));
		cr_assert(answer_read(&got, false, &answer), "after %s", before[i]);
		cr_assert(is(answer.body, "nothing"));
		cr_assert_null(answer_field(&answer, "x-one").ptr);
	}
	site_close(&site);
}

Test(http, requests_that_come_whole_are_not_copied)
{
	struct site site;
	struct sim_peer *peer;

	site_open(&site, NULL, NULL);
	peer = site_connect(&site);
	for (int i = 0; i < 10; i++)
		site_ask(&site, peer, GET("/plaintext"));
	cr_assert_eq(site_counters(&site)->bytes_copied, 0);
	site_close(&site);
}

Test(http, of_a_request_that_comes_in_pieces_the_head_is_copied_once)
{
	static const char request[] = GET("/plaintext");
	struct site site;
	struct sim_peer *peer;

	site_open(&site, NULL, NULL);
	peer = site_connect(&site);
	sim_peer_send(peer, request, 10);
	sim_settle(site.loop);
	sim_peer_send(peer, request + 10, sizeof(request) - 11);
	sim_settle(site.loop);
	cr_assert(is(sim_peer_received(peer), PLAINTEXT));
	cr_assert_eq(site_counters(&site)->bytes_copied, sizeof(request) - 1);
	site_close(&site);
}

Test(http, the_date_moves_with_the_clock)
{
	struct site site;
	struct sim_peer *peer;
	struct ouro_str got;
	struct answer answer;

	site_open(&site, NULL, NULL);
	peer = site_connect(&site);
	sim_advance(site.loop, 23000);
	got = site_ask(&site, peer, GET("/plaintext"));
	cr_assert(answer_read(&got, false, &answer));
	cr_assert(is(answer_field(&answer, "date"), "Sun, 06 Nov 1994 08:50:00 GMT"));
	site_close(&site);
}

Test(http, an_idle_connection_holds_no_memory)
{
	struct site site;

	site_open(&site, NULL, NULL);
	for (int i = 0; i < 10; i++)
		site_ask(&site, site_connect(&site), GET("/plaintext"));
	cr_assert_eq(site.worker->conns.open_count, 10);
	cr_assert_eq(site.worker->exchanges.used_count, 0);
	cr_assert_eq(site.worker->arenas.used_count, 0);
	cr_assert_eq(site.worker->conns.pools.queues.used_count, 0);
	cr_assert_eq(site.worker->conns.pools.buffers.used_count, 0);
	cr_assert_eq(site.loop->backend->recvpool.free_count, site.loop->backend->recvpool.count);
	site_close(&site);
}
