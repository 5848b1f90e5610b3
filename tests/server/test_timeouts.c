/* Each timeout of struct ouro_options, reached, and its answer. Deadlines are noticed at most 100 ms
 * late. */
#include "server/site.h"

#include <criterion/criterion.h>
#include <string.h>

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"

enum { LATE_MS = 100 };

static unsigned status_in(struct ouro_str bytes)
{
	struct answer answer;

	return answer_read(&bytes, false, &answer) ? answer.status : 0;
}

/* Sends @text and expects nothing until @ms, and then, within the slack, @status (0: only the end of
 * the connection). */
static void expect_end(const struct ouro_options *options, const char *text, uint32_t ms,
		       unsigned status)
{
	struct site site;
	struct sim_peer *peer;

	site_open(&site, options, NULL);
	peer = site_connect(&site);
	site_ask(&site, peer, text);
	sim_advance(site.loop, ms - 1);
	cr_assert_eq(sim_peer_received(peer).len, 0);
	cr_assert_not(sim_peer_saw_end(peer));
	sim_advance(site.loop, LATE_MS + 1);
	cr_assert_eq(status_in(sim_peer_received(peer)), status);
	cr_assert(sim_peer_saw_end(peer));
	cr_assert_not(sim_peer_saw_reset(peer));
	cr_assert_eq(site_counters(&site)->timeouts, 1);
	site_close(&site);
}

Test(timeouts, a_head_that_does_not_end_is_408)
{
	struct ouro_options options = { .head_timeout_ms = 700 };

	expect_end(NULL, "GET /pla", 10000, 408);
	expect_end(&options, "GET /pla", 700, 408);
	expect_end(&options, "\r\n", 700, 408);
}

Test(timeouts, a_head_that_trickles_in_is_408_all_the_same)
{
	struct ouro_options options = { .head_timeout_ms = 1000 };
	struct site site;
	struct sim_peer *peer;

	site_open(&site, &options, NULL);
	peer = site_connect(&site);
	for (const char *at = GET("/plaintext"); sim_peer_received(peer).len == 0 && *at; at++) {
		sim_peer_send(peer, at, 1);
		sim_advance(site.loop, 100);
	}
	cr_assert_eq(status_in(sim_peer_received(peer)), 408);
	site_close(&site);
}

Test(timeouts, a_body_that_does_not_come_is_408)
{
	struct ouro_options options = { .body_timeout_ms = 900 };

	expect_end(NULL, "POST /collect HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc", 30000,
		   408);
	expect_end(&options, "POST /collect HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n", 900,
		   408);
}

Test(timeouts, a_body_that_keeps_coming_has_all_the_time)
{
	struct ouro_options options = { .body_timeout_ms = 1000 };
	struct site site;
	struct sim_peer *peer;

	site_open(&site, &options, NULL);
	peer = site_connect(&site);
	site_ask(&site, peer, "POST /collect HTTP/1.1\r\nHost: a\r\nContent-Length: 20\r\n\r\n");
	for (int i = 0; i < 20; i++) {
		sim_advance(site.loop, 800);
		sim_peer_say(peer, "x");
		sim_settle(site.loop);
	}
	cr_assert_eq(status_in(sim_peer_received(peer)), 200);
	site_close(&site);
}

Test(timeouts, a_body_that_nobody_wants_ends_without_a_second_answer)
{
	struct ouro_options options = { .body_timeout_ms = 900 };
	struct site site;
	struct sim_peer *peer;
	struct ouro_str got;
	struct answer answer;

	site_open(&site, &options, NULL);
	peer = site_connect(&site);
	site_ask(&site, peer, "POST /refuse HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n");
	sim_advance(site.loop, 900 + LATE_MS);
	got = sim_peer_received(peer);
	cr_assert(answer_read(&got, false, &answer));
	cr_assert_eq(answer.status, 403);
	cr_assert_eq(got.len, 0);
	cr_assert(sim_peer_saw_end(peer));
	site_close(&site);
}

Test(timeouts, an_idle_connection_is_closed_without_a_word)
{
	struct ouro_options options = { .idle_timeout_ms = 500 };

	expect_end(NULL, "", 75000, 0);
	expect_end(&options, "", 500, 0);
}

Test(timeouts, idleness_begins_with_the_last_answer)
{
	struct ouro_options options = { .idle_timeout_ms = 1000 };
	struct site site;
	struct sim_peer *peer;

	site_open(&site, &options, NULL);
	peer = site_connect(&site);
	for (int i = 0; i < 5; i++) {
		sim_advance(site.loop, 900);
		cr_assert_eq(status_in(site_ask(&site, peer, GET("/plaintext"))), 200);
	}
	sim_advance(site.loop, 999);
	cr_assert_not(sim_peer_saw_end(peer));
	sim_advance(site.loop, 1 + LATE_MS);
	cr_assert(sim_peer_saw_end(peer));
	site_close(&site);
}

Test(timeouts, a_handler_that_waits_is_not_idle)
{
	struct ouro_options options = { .idle_timeout_ms = 100, .head_timeout_ms = 100 };
	struct site site;
	struct sim_peer *peer;

	site_open(&site, &options, NULL);
	peer = site_connect(&site);
	site_ask(&site, peer, GET("/patient"));
	sim_advance(site.loop, SITE_LATER_MS);
	cr_assert_eq(status_in(sim_peer_received(peer)), 200);
	site_close(&site);
}

Test(timeouts, a_client_that_takes_nothing_is_reset)
{
	struct ouro_options options = { .write_timeout_ms = 800 };
	struct site site;
	struct sim_peer *peer;

	site_open(&site, &options, NULL);
	peer = site_connect(&site);
	sim_peer_set_reading(peer, false);
	sim_peer_say(peer, GET("/big"));
	sim_advance(site.loop, 799);
	cr_assert_not(sim_peer_saw_reset(peer));
	sim_advance(site.loop, 2 * LATE_MS);
	cr_assert(sim_peer_saw_reset(peer));
	cr_assert_eq(site_counters(&site)->timeouts, 1);
	site_close(&site);
}

Test(timeouts, a_client_that_takes_little_is_not)
{
	struct ouro_options options = { .write_timeout_ms = 800 };
	struct site site;
	struct sim_peer *peer;

	site_open(&site, &options, NULL);
	peer = site_connect(&site);
	sim_peer_set_reading(peer, false);
	sim_peer_say(peer, GET("/big"));
	for (int i = 0; i < 20; i++) {
		sim_advance(site.loop, 600);
		sim_peer_read(peer, 1);
	}
	cr_assert_not(sim_peer_saw_reset(peer));
	site_close(&site);
}

Test(timeouts, requests_behind_an_answer_that_is_not_taken_yet_are_not_late)
{
	struct ouro_options options = { .head_timeout_ms = 1000 };
	struct site site;
	struct sim_peer *peer;
	struct ouro_str got;

	site_open(&site, &options, NULL);
	peer = site_connect(&site);
	sim_peer_set_reading(peer, false);
	sim_peer_say(peer, GET("/heavy") GET("/plaintext") GET("/users/7"));
	sim_advance(site.loop, 5000);
	sim_peer_set_reading(peer, true);
	sim_settle(site.loop);
	got = sim_peer_received(peer);
	for (int i = 0; i < 3; i++) {
		struct answer answer;

		cr_assert(answer_read(&got, false, &answer));
		cr_assert_eq(answer.status, 200);
	}
	cr_assert_eq(got.len, 0);
	cr_assert_eq(site_counters(&site)->timeouts, 0);
	site_close(&site);
}
