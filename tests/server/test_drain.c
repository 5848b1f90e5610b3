/* The end of a worker: what is idle closes, what is busy finishes, and all of it has an end. */
#include "server/site.h"

#include <criterion/criterion.h>
#include <string.h>

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"

static void begin_drain(struct site *site)
{
	ouro_worker_drain(site->worker);
	sim_settle(site->loop);
}

Test(drain, without_connections_it_is_over_at_once)
{
	struct site site;

	site_open(&site, NULL, NULL);
	begin_drain(&site);
	cr_assert(ouro_worker_is_finished(site.worker));
	site_close(&site);
}

Test(drain, idle_connections_are_closed)
{
	struct site site;
	struct sim_peer *fresh, *used;

	site_open(&site, NULL, NULL);
	fresh = site_connect(&site);
	used = site_connect(&site);
	site_ask(&site, used, GET("/plaintext"));
	begin_drain(&site);
	cr_assert(sim_peer_saw_end(fresh));
	cr_assert(sim_peer_saw_end(used));
	sim_peer_fin(fresh);
	sim_peer_fin(used);
	sim_settle(site.loop);
	cr_assert(ouro_worker_is_finished(site.worker));
	cr_assert_not(sim_peer_saw_reset(used));
	site_close(&site);
}

Test(drain, a_request_in_progress_is_answered_and_then_closed)
{
	struct site site;
	struct sim_peer *peer;
	struct ouro_str got;
	struct answer answer;

	site_open(&site, NULL, NULL);
	peer = site_connect(&site);
	site_ask(&site, peer, GET("/patient"));
	begin_drain(&site);
	cr_assert_not(ouro_worker_is_finished(site.worker));
	sim_advance(site.loop, SITE_LATER_MS);
	got = sim_peer_received(peer);
	cr_assert(answer_read(&got, false, &answer));
	cr_assert_eq(answer.status, 200);
	cr_assert(ouro_str_eq(answer_field(&answer, "connection"), OURO_STR("close")));
	cr_assert(sim_peer_saw_end(peer));
	site_close(&site);
}

Test(drain, a_head_in_progress_is_answered_and_then_closed)
{
	struct site site;
	struct sim_peer *peer;
	struct ouro_str got;
	struct answer answer;

	site_open(&site, NULL, NULL);
	peer = site_connect(&site);
	site_ask(&site, peer, "GET /plaint");
	begin_drain(&site);
	got = site_ask(&site, peer, "ext HTTP/1.1\r\nHost: a\r\n\r\n");
	cr_assert(answer_read(&got, false, &answer));
	cr_assert_eq(answer.status, 200);
	cr_assert(ouro_str_eq(answer_field(&answer, "connection"), OURO_STR("close")));
	cr_assert(sim_peer_saw_end(peer));
	site_close(&site);
}

Test(drain, a_large_answer_in_progress_is_finished_and_then_closed)
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
	begin_drain(&site);
	sim_peer_set_reading(peer, true);
	sim_settle(site.loop);
	got = sim_peer_received(peer);
	cr_assert(answer_read(&got, false, &answer));
	cr_assert_eq(answer.body.len, SITE_BIG_BYTES);
	cr_assert(sim_peer_saw_end(peer));
	site_close(&site);
}

Test(drain, nobody_is_accepted_any_more)
{
	struct site site;

	site_open(&site, NULL, NULL);
	begin_drain(&site);
	cr_assert(sim_peer_saw_reset(sim_connect(site.sim)));
	site_close(&site);
}

Test(drain, its_deadline_resets_what_is_left)
{
	struct ouro_options options = { .drain_timeout_ms = 3000, .body_timeout_ms = 60000 };
	struct site site;
	struct sim_peer *silent, *greedy;

	site_open(&site, &options, NULL);
	silent = site_connect(&site);
	site_ask(&site, silent, "POST /collect HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n");
	greedy = site_connect(&site);
	sim_peer_set_reading(greedy, false);
	sim_peer_say(greedy, GET("/big"));
	sim_settle(site.loop);
	begin_drain(&site);
	sim_advance(site.loop, 2999);
	cr_assert_not(sim_peer_saw_reset(silent));
	cr_assert_not(sim_peer_saw_reset(greedy));
	cr_assert_not(ouro_worker_is_finished(site.worker));
	sim_advance(site.loop, 1);
	cr_assert(sim_peer_saw_reset(silent));
	cr_assert(sim_peer_saw_reset(greedy));
	cr_assert(ouro_worker_is_finished(site.worker));
	site_close(&site);
}

Test(drain, its_deadline_ends_also_what_lingers)
{
	struct ouro_options options = { .drain_timeout_ms = 100 };
	struct site site;
	struct sim_peer *peer;

	site_open(&site, &options, NULL);
	peer = site_connect(&site);
	site_ask(&site, peer, "bad\r\n\r\n");
	cr_assert(sim_peer_saw_end(peer));
	cr_assert_not(sim_peer_is_over(peer));
	begin_drain(&site);
	sim_advance(site.loop, 100);
	cr_assert(ouro_worker_is_finished(site.worker));
	site_close(&site);
}
