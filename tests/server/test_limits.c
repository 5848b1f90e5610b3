/* Each limit of struct ouro_options, reached, and its answer. */
#include "server/site.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A request whose parts are as large as told. */
static const char *make_request(size_t target_bytes, int field_count, size_t value_bytes)
{
	static char text[70000];
	char *at = text;

	at += sprintf(at, "GET /plaintext?");
	memset(at, 'q', target_bytes - strlen("/plaintext?"));
	at += target_bytes - strlen("/plaintext?");
	at += sprintf(at, " HTTP/1.1\r\nHost: a\r\n");
	for (int i = 1; i < field_count; i++) {
		at += sprintf(at, "f%d: ", i);
		memset(at, 'v', value_bytes);
		at += value_bytes;
		at += sprintf(at, "\r\n");
	}
	sprintf(at, "\r\n");
	return text;
}

static unsigned status_of(const struct ouro_options *options, const char *request)
{
	struct site site;
	unsigned status;

	site_open(&site, options, NULL);
	status = site_answer(&site, request).status;
	site_close(&site);
	return status;
}

Test(limits, a_head_of_head_bytes_max_is_taken_and_one_more_byte_is_431)
{
	struct ouro_options options = { .head_bytes_max = 400 };
	size_t base = strlen(make_request(20, 2, 0));

	cr_assert_eq(status_of(&options, make_request(20, 2, 400 - base)), 200);
	cr_assert_eq(status_of(&options, make_request(20, 2, 401 - base)), 431);
}

Test(limits, a_target_of_target_bytes_max_is_taken_and_one_more_byte_is_414)
{
	struct ouro_options options = { .target_bytes_max = 100 };

	cr_assert_eq(status_of(&options, make_request(100, 1, 0)), 200);
	cr_assert_eq(status_of(&options, make_request(101, 1, 0)), 414);
}

Test(limits, fields_max_fields_are_taken_and_one_more_is_431)
{
	struct ouro_options options = { .fields_max = 10 };

	cr_assert_eq(status_of(&options, make_request(20, 10, 1)), 200);
	cr_assert_eq(status_of(&options, make_request(20, 11, 1)), 431);
}

Test(limits, the_defaults_are_those_of_the_header)
{
	cr_assert_eq(status_of(NULL, make_request(20, 100, 1)), 200);
	cr_assert_eq(status_of(NULL, make_request(20, 101, 1)), 431);
	cr_assert_eq(status_of(NULL, make_request(8192, 1, 1)), 200);
	cr_assert_eq(status_of(NULL, make_request(8193, 1, 1)), 414);
	cr_assert_eq(status_of(NULL, make_request(20, 2, 16000)), 200);
	cr_assert_eq(status_of(NULL, make_request(20, 2, 16384)), 431);
}

Test(limits, a_counted_body_over_body_bytes_max_is_413_before_it_comes)
{
	struct ouro_options options = { .body_bytes_max = 1000 };
	static const char request[] =
		"POST /collect HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n";
	char text[2000], body[1001] = { 0 };

	snprintf(text, sizeof(text), request, 1001);
	cr_assert_eq(status_of(&options, text), 413);
	memset(body, 'b', 1000);
	snprintf(text, sizeof(text), request, 1000);
	strcat(text, body);
	cr_assert_eq(status_of(&options, text), 200);
}

Test(limits, a_chunked_body_over_body_bytes_max_is_413_and_readable)
{
	struct ouro_options options = { .body_bytes_max = 1000 };
	struct site site;
	struct sim_peer *peer;
	char noise[5000] = { 0 };

	site_open(&site, &options, NULL);
	peer = site_connect(&site);
	sim_peer_set_reading(peer, false);
	sim_peer_say(peer, "POST /collect HTTP/1.1\r\nHost: a\r\n"
			   "Transfer-Encoding: chunked\r\n\r\n1388\r\n");
	for (int i = 0; i < 5; i++) {
		cr_assert(sim_peer_send(peer, noise, sizeof(noise)));
		sim_settle(site.loop);
	}
	sim_peer_set_reading(peer, true);
	cr_assert(ouro_str_starts(sim_peer_received(peer), OURO_STR("HTTP/1.1 413 ")));
	cr_assert(sim_peer_saw_end(peer));
	cr_assert_not(sim_peer_saw_reset(peer));
	site_close(&site);
}

Test(limits, over_connections_max_the_rest_waits)
{
	struct ouro_options options = { .connections_max = 3 };
	struct sim_peer *peers[5];
	struct site site;

	site_open(&site, &options, NULL);
	for (int i = 0; i < 5; i++)
		peers[i] = site_connect(&site);
	cr_assert_eq(site.worker->conns.open_count, 3);
	cr_assert_not(sim_peer_saw_reset(peers[4]));
	sim_peer_reset(peers[0]);
	sim_peer_reset(peers[1]);
	sim_settle(site.loop);
	for (int i = 2; i < 5; i++)
		cr_assert_gt(
			site_ask(&site, peers[i], "GET /plaintext HTTP/1.1\r\nHost: a\r\n\r\n").len,
			0);
	site_close(&site);
}

Test(limits, an_option_out_of_its_range_is_refused_with_a_line_that_says_which)
{
	struct ouro_options options = { .log_level = OURO_LOG_NOTHING };
	struct ouro_server *server = NULL;

	options.fields_max = 129;
	cr_assert_eq(ouro_server_create(&server, &options), -EINVAL);
	options.fields_max = 128;
	options.head_bytes_max = 255;
	cr_assert_eq(ouro_server_create(&server, &options), -EINVAL);
	options.head_bytes_max = 256;
	cr_assert_eq(ouro_server_create(&server, &options), 0);
	ouro_server_destroy(server);
}
