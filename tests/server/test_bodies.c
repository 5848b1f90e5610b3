/* Request bodies, early answers, and clients that do not take what they asked for. */
#include "server/site.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POST(path, fields) "POST " path " HTTP/1.1\r\nHost: a\r\n" fields "\r\n"
#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"
#define CONTINUE "HTTP/1.1 100 Continue\r\n\r\n"

static bool begins(struct ouro_str got, const char *text)
{
	return ouro_str_starts(got, ouro_str_c(text));
}

Test(bodies, counted_and_chunked_bodies_reach_the_handler)
{
	struct site site;

	site_open(&site, NULL, NULL);
	cr_assert(ouro_str_eq(
		site_answer(&site, POST("/collect", "Content-Length: 5\r\n") "abcde").body,
		OURO_STR("5")));
	cr_assert(ouro_str_eq(
		site_answer(
			&site,
			POST("/collect",
			     "Transfer-Encoding: chunked\r\n") "3\r\nabc\r\na;x=y\r\n0123456789\r\n0\r\nT: v\r\n\r\n")
			.body,
		OURO_STR("13")));
	cr_assert(ouro_str_eq(site_answer(&site, POST("/collect", "Content-Length: 0\r\n")).body,
			      OURO_STR("0")));
	cr_assert_eq(site_notes.bodies_ended, 3);
	site_close(&site);
}

Test(bodies, echo_gives_back_what_it_got)
{
	struct site site;

	site_open(&site, NULL, NULL);
	cr_assert(
		ouro_str_eq(site_answer(&site, POST("/echo", "Content-Length: 5\r\n") "abcde").body,
			    OURO_STR("abcde")));
	cr_assert(ouro_str_eq(
		site_answer(&site,
			    POST("/echo", "Transfer-Encoding: chunked\r\n") "3\r\nabc\r\n0\r\n\r\n")
			.body,
		OURO_STR("3\r\nabc\r\n0\r\n\r\n")));
	site_close(&site);
}

/* ---- Expect: 100-continue ---- */

Test(bodies, who_waits_is_told_to_continue_when_the_body_is_asked_for)
{
	struct site site;
	struct sim_peer *peer;
	struct ouro_str got;

	site_open(&site, NULL, NULL);
	peer = site_connect(&site);
	got = site_ask(&site, peer,
		       POST("/collect", "Content-Length: 3\r\nExpect: 100-continue\r\n"));
	cr_assert(ouro_str_eq(got, OURO_STR(CONTINUE)));
	got = site_ask(&site, peer, "abc");
	cr_assert(begins(got, "HTTP/1.1 200"));
	cr_assert(begins(site_ask(&site, peer, GET("/plaintext")), "HTTP/1.1 200"));
	site_close(&site);
}

Test(bodies, who_waits_is_not_told_to_continue_for_an_answer_at_once)
{
	static const char *const paths[] = { "/refuse", "/none" };

	for (int i = 0; i < 2; i++) {
		char request[200];
		struct site site;
		struct sim_peer *peer;
		struct ouro_str got;
		struct answer answer;

		snprintf(request, sizeof(request),
			 "POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n"
			 "Expect: 100-continue\r\n\r\n",
			 paths[i]);
		site_open(&site, NULL, NULL);
		peer = site_connect(&site);
		got = site_ask(&site, peer, request);
		cr_assert(answer_read(&got, false, &answer));
		cr_assert_eq(answer.status, i == 0 ? 403 : 404);
		cr_assert_eq(got.len, 0);
		/* Whether the body comes now is not known, so nothing can follow (RFC 9110, 10.1.1). */
		cr_assert(ouro_str_eq(answer_field(&answer, "connection"), OURO_STR("close")));
		cr_assert(sim_peer_saw_end(peer));
		site_close(&site);
	}
}

Test(bodies, http_1_0_is_never_told_to_continue)
{
	struct site site;
	struct sim_peer *peer;
	struct ouro_str got;

	site_open(&site, NULL, NULL);
	peer = site_connect(&site);
	got = site_ask(&site, peer,
		       "POST /collect HTTP/1.0\r\nContent-Length: 3\r\n"
		       "Expect: 100-continue\r\n\r\n");
	cr_assert_eq(got.len, 0);
	cr_assert(begins(site_ask(&site, peer, "abc"), "HTTP/1.1 200"));
	site_close(&site);
}

/* ---- Early answers ---- */

Test(bodies, after_an_early_answer_the_rest_of_the_body_is_thrown_away)
{
	struct site site;
	struct sim_peer *peer;
	char noise[10000] = { 0 };

	site_open(&site, NULL, NULL);
	peer = site_connect(&site);
	cr_assert(begins(site_ask(&site, peer, POST("/refuse", "Content-Length: 100000\r\n")),
			 "HTTP/1.1 403"));
	for (int i = 0; i < 10; i++) {
		cr_assert(sim_peer_send(peer, noise, sizeof(noise)));
		sim_settle(site.loop);
	}
	cr_assert(begins(site_ask(&site, peer, GET("/plaintext")), "HTTP/1.1 200"));
	site_close(&site);
}

Test(bodies, an_early_answer_that_closes_is_not_lost_in_a_reset)
{
	struct site site;
	struct sim_peer *peer;
	char noise[100000] = { 0 };

	site_open(&site, NULL, NULL);
	peer = site_connect(&site);
	sim_peer_set_reading(peer, false);
	sim_peer_say(peer, POST("/refuse", "Content-Length: 1000000\r\nConnection: close\r\n"));
	for (int i = 0; i < 5; i++) {
		cr_assert(sim_peer_send(peer, noise, sizeof(noise)));
		sim_settle(site.loop);
	}
	sim_peer_set_reading(peer, true);
	cr_assert(begins(sim_peer_received(peer), "HTTP/1.1 403"));
	cr_assert(sim_peer_saw_end(peer));
	cr_assert_not(sim_peer_saw_reset(peer));
	sim_peer_fin(peer);
	sim_settle(site.loop);
	cr_assert(sim_peer_is_over(peer));
	site_close(&site);
}

/* Sends @count bytes in pieces; false where the other side has closed. */
static bool send_bytes(struct site *site, struct sim_peer *peer, size_t count)
{
	static const char noise[10000];

	while (count > 0) {
		size_t len = count < sizeof(noise) ? count : sizeof(noise);

		if (!sim_peer_send(peer, noise, len))
			return false;
		sim_settle(site->loop);
		count -= len;
	}
	return true;
}

static bool says_close(struct ouro_str got)
{
	struct answer answer;

	cr_assert(answer_read(&got, false, &answer));
	return ouro_str_eq(answer_field(&answer, "connection"), OURO_STR("close"));
}

Test(bodies, what_is_left_of_a_body_is_read_up_to_a_limit_and_no_further)
{
	static const struct {
		const char *request;
		size_t bytes;
		bool goes_on;
	} cases[] = {
		{ POST("/refuse", "Content-Length: 262144\r\n"), 262144, true },
		{ POST("/refuse", "Content-Length: 262145\r\n"), 262145, false },
		/* Of these too many have come when that is known. */
		{ POST("/refuse", "Content-Length: 18446744073709551615\r\n"), 1000000, false },
		{ POST("/none", "Content-Length: 300000\r\n"), 300000, false },
	};
	const struct ouro_options options = { .body_bytes_max = UINT64_MAX };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct site site;
		struct sim_peer *peer;

		site_open(&site, &options, NULL);
		peer = site_connect(&site);
		cr_assert_eq(says_close(site_ask(&site, peer, cases[i].request)),
			     !cases[i].goes_on);
		cr_assert(send_bytes(&site, peer, cases[i].bytes));
		cr_assert_eq(sim_peer_saw_end(peer), !cases[i].goes_on);
		cr_assert_not(sim_peer_saw_reset(peer));
		if (cases[i].goes_on)
			cr_assert(begins(site_ask(&site, peer, GET("/plaintext")), "HTTP/1.1 200"));
		sim_peer_fin(peer);
		sim_settle(site.loop);
		cr_assert(sim_peer_is_over(peer));
		cr_assert_not(sim_peer_saw_reset(peer));
		site_close(&site);
	}
}

Test(bodies, of_a_chunked_body_as_much_is_read_and_then_the_connection_ends)
{
	const struct ouro_options options = { .body_bytes_max = UINT64_MAX };

	for (int way = 0; way < 2; way++) {
		struct site site;
		struct sim_peer *peer;
		struct ouro_str got;

		site_open(&site, &options, NULL);
		peer = site_connect(&site);
		got = site_ask(&site, peer, POST("/refuse", "Transfer-Encoding: chunked\r\n"));
		/* Nobody can know yet. */
		cr_assert_not(says_close(got));
		site_ask(&site, peer, way ? "80000\r\n" : "20000\r\n");
		cr_assert(send_bytes(&site, peer, way ? 0x80000 : 0x20000));
		cr_assert_eq(sim_peer_saw_end(peer), way == 1);
		cr_assert_not(sim_peer_saw_reset(peer));
		got = site_ask(&site, peer, "\r\n0\r\n\r\n" GET("/plaintext"));
		cr_assert_eq(begins(got, "HTTP/1.1 200"), way == 0);
		sim_peer_fin(peer);
		sim_settle(site.loop);
		cr_assert_not(sim_peer_saw_reset(peer));
		site_close(&site);
	}
}

Test(bodies, what_is_left_behind_an_answer_that_was_begun_is_bounded_too)
{
	const struct ouro_options options = { .body_bytes_max = UINT64_MAX };
	struct site site;
	struct sim_peer *peer;

	site_open(&site, &options, NULL);
	peer = site_connect(&site);
	cr_assert_not(says_close(
		site_ask(&site, peer,
			 "GET /chunked HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n")));
	cr_assert(sim_peer_saw_end(peer));
	cr_assert(send_bytes(&site, peer, 1000000));
	cr_assert_not(sim_peer_saw_reset(peer));
	sim_peer_fin(peer);
	sim_settle(site.loop);
	cr_assert(sim_peer_is_over(peer));
	site_close(&site);
}

Test(bodies, one_that_floods_behind_its_answer_is_not_read_without_end)
{
	struct site site;
	struct sim_peer *peer;
	char *noise = calloc(1, OURO_LINGER_BYTES_MAX / 4);

	site_open(&site, NULL, NULL);
	peer = site_connect(&site);
	cr_assert(says_close(site_ask(&site, peer, POST("/echo", "Content-Length: 1048577\r\n"))));
	for (int i = 0; i < 5; i++) {
		cr_assert(sim_peer_send(peer, noise, OURO_LINGER_BYTES_MAX / 4));
		for (int k = 0; k < 200; k++)
			ouro_loop_turn(site.loop, false);
		if (i < 3)
			sim_settle(site.loop);
	}
	cr_assert_geq(sim_peer_unread(peer), OURO_LINGER_BYTES_MAX / 4 - 16384);
	cr_assert_not(sim_peer_saw_reset(peer));
	sim_advance(site.loop, OURO_LINGER_MS + 200);
	cr_assert(sim_peer_is_over(peer));
	free(noise);
	site_close(&site);
}

/* ---- Back-pressure ---- */

Test(bodies, a_client_that_does_not_read_holds_up_its_echo)
{
	enum { TOTAL = 1000000 };
	struct site site;
	struct sim_peer *peer;
	struct ouro_str got;
	struct answer answer;
	char *body = calloc(1, TOTAL);

	for (int i = 0; i < TOTAL; i++)
		body[i] = (char)(i % 251);
	site_open(&site, NULL, NULL);
	peer = site_connect(&site);
	sim_peer_set_reading(peer, false);
	sim_peer_say(peer, POST("/echo", "Content-Length: 1000000\r\n"));
	sim_peer_send(peer, body, TOTAL);
	sim_settle(site.loop);
	/* The mark, one buffer over it, and what is queued behind a stopped reader. */
	cr_assert_leq(site_notes.pending_max, OURO_STREAM_PENDING_HIGH + 16384);
	cr_assert_gt(sim_peer_unread(peer), TOTAL / 4);
	sim_peer_set_reading(peer, true);
	sim_settle(site.loop);
	got = sim_peer_received(peer);
	cr_assert(answer_read(&got, false, &answer));
	cr_assert_eq(answer.body.len, TOTAL);
	cr_assert_eq(memcmp(answer.body.ptr, body, TOTAL), 0);
	free(body);
	site_close(&site);
}

Test(bodies, a_client_that_does_not_read_does_not_stop_the_others)
{
	struct ouro_options options = { .recv_buffers = 4, .recv_buffer_bytes = 4096 };
	struct site site;
	struct sim_peer *slow;
	char *body = calloc(1, 600000);

	site_open(&site, &options, NULL);
	slow = site_connect(&site);
	sim_peer_set_reading(slow, false);
	sim_peer_say(slow, POST("/echo", "Content-Length: 600000\r\n"));
	sim_peer_send(slow, body, 600000);
	sim_settle(site.loop);
	for (int i = 0; i < 20; i++)
		cr_assert_eq(site_answer(&site, GET("/plaintext")).status, 200);
	free(body);
	site_close(&site);
}

Test(bodies, a_large_answer_goes_out_as_it_is_taken)
{
	struct site site;
	struct sim_peer *peer;
	struct ouro_str got;
	struct answer answer;

	site_open(&site, NULL, NULL);
	peer = site_connect(&site);
	sim_peer_set_reading(peer, false);
	sim_peer_say(peer, GET("/big"));
	sim_settle(site.loop);
	cr_assert_leq(site_notes.pending_max, OURO_STREAM_PENDING_HIGH + 16384 + 512);
	while (sim_peer_read(peer, 30000) > 0)
		sim_settle(site.loop);
	got = sim_peer_received(peer);
	cr_assert(answer_read(&got, false, &answer));
	cr_assert_eq(answer.body.len, SITE_BIG_BYTES);
	cr_assert_leq(site_notes.pending_max, OURO_STREAM_PENDING_HIGH + 16384 + 512);
	site_close(&site);
}

Test(bodies, a_handler_that_minds_nothing_is_stopped)
{
	struct site site;
	struct sim_peer *peer;

	site_open(&site, NULL, NULL);
	peer = site_connect(&site);
	sim_peer_set_reading(peer, false);
	sim_peer_say(peer, GET("/flood"));
	sim_settle(site.loop);
	cr_assert_eq(site_notes.result, -ENOBUFS);
	cr_assert_leq(site_notes.pending_max, 5 * 1024 * 1024);
	site_close(&site);
}

Test(bodies, requests_behind_one_that_waits_are_held_to_a_bound)
{
	struct site site;
	struct sim_peer *peer;
	size_t sent = 0;

	site_open(&site, NULL, NULL);
	peer = site_connect(&site);
	sim_peer_say(peer, GET("/patient"));
	for (int i = 0; i < 10000; i++) {
		sim_peer_say(peer, GET("/plaintext"));
		sent += strlen(GET("/plaintext"));
	}
	sim_settle(site.loop);
	cr_assert_gt(sim_peer_unread(peer), sent - 64 * 1024 - 4 * 16384);
	sim_advance(site.loop, SITE_LATER_MS);
	cr_assert_eq(sim_peer_unread(peer), 0);
	cr_assert_eq(site_counters(&site)->responses, 10001);
	cr_assert(answers_are_whole(ouro_str(sim_peer_received(peer).ptr, 0)));
	site_close(&site);
}

Test(bodies, reading_goes_on_where_the_last_that_was_queued_has_a_large_answer)
{
	enum { LONG_BYTES = 4000, COUNT = 22 }; /* 88000 in all: over the bound of what is queued */
	struct site site;
	struct sim_peer *peer;
	char request[LONG_BYTES + 1];

	snprintf(request, sizeof(request), "GET /plaintext HTTP/1.1\r\nHost: a\r\nX: %0*d\r\n\r\n",
		 LONG_BYTES - (int)strlen("GET /plaintext HTTP/1.1\r\nHost: a\r\nX: \r\n\r\n"), 0);
	site_open(&site, NULL, NULL);
	peer = site_connect(&site);
	sim_peer_say(peer, GET("/patient"));
	for (int i = 0; i < COUNT; i++)
		sim_peer_say(peer, request);
	sim_peer_say(peer, GET("/heavy"));
	sim_settle(site.loop);
	cr_assert_eq(sim_peer_unread(peer), 0);
	sim_peer_say(peer, GET("/plaintext"));
	sim_settle(site.loop);
	cr_assert_gt(sim_peer_unread(peer), 0, "nothing more is read for now");
	sim_advance(site.loop, SITE_LATER_MS);
	cr_assert_eq(site_counters(&site)->responses, COUNT + 3);
	cr_assert(begins(site_ask(&site, peer, GET("/users/7")), "HTTP/1.1 200"));
	site_close(&site);
}

/* ---- Copies ---- */

static struct answer echo_once(struct site *site, size_t bytes)
{
	struct sim_peer *peer = site_connect(site);
	char head[100];
	char *body = calloc(1, bytes);
	struct ouro_str got;
	struct answer answer;

	snprintf(head, sizeof(head),
		 "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n", bytes);
	sim_peer_say(peer, head);
	sim_settle(site->loop);
	sim_peer_send(peer, body, bytes);
	sim_settle(site->loop);
	free(body);
	got = sim_peer_received(peer);
	cr_assert(answer_read(&got, false, &answer));
	return answer;
}

Test(bodies, large_bodies_are_echoed_without_a_copy)
{
	struct ouro_options options = { .recv_buffers = 64 };
	struct site site;

	site_open(&site, &options, NULL);
	cr_assert_eq(echo_once(&site, 200000).body.len, 200000);
	cr_assert_eq(site_counters(&site)->bytes_copied, 0);
	site_close(&site);
}

Test(bodies, while_buffers_are_scarce_bodies_are_copied_and_counted)
{
	struct ouro_options options = { .recv_buffers = 16, .recv_buffer_bytes = 4096 };
	struct ouro_buf *held[13];
	struct site site;

	site_open(&site, &options, NULL);
	for (int i = 0; i < 13; i++)
		held[i] = ouro_recvpool_take(&site.loop->backend->recvpool);
	cr_assert_eq(echo_once(&site, 20000).body.len, 20000);
	cr_assert_geq(site_counters(&site)->bytes_copied, 20000);
	for (int i = 0; i < 13; i++)
		ouro_buf_unref(held[i]);
	site_close(&site);
}
