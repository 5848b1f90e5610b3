/* The fields behind a chunked request body, as handlers see them. */
#include "server/site.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define POST(path) "POST " path " HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
#define FIELDS "X-Sum: 1\r\nHost: other\r\nx-sum: 2\r\nX-Empty:\r\n"

enum { TEXT_BYTES = 8192 };

static char text[TEXT_BYTES];
static size_t text_len;

static bool add_field(void *arg, struct ouro_str name, struct ouro_str value)
{
	int *left = arg;

	text_len += (size_t)snprintf(text + text_len, sizeof(text) - text_len, "%.*s=%.*s;",
				     (int)name.len, name.ptr, (int)value.len, value.ptr);
	return --*left != 0;
}

static void tell(struct ouro_ctx *ctx)
{
	struct ouro_str limit = ouro_query(ctx, "limit"), name = ouro_query(ctx, "name");
	int left = limit.ptr ? 1 : -1;

	text_len = 0;
	ouro_trailer_each(ctx, name.ptr ? "X-SUM" : NULL, add_field, &left);
	ouro_text(ctx, 200, ouro_str(text, text_len));
}

/* Nothing is seen before the end, then all. */
static void all(struct ouro_ctx *ctx)
{
	struct ouro_slice chunk;

	while (ouro_body_read(ctx, &chunk) > 0)
		if (ouro_trailer(ctx, "x-sum").ptr)
			return;
	tell(ctx);
}

static void on_body(struct ouro_ctx *ctx, struct ouro_slice chunk, bool last)
{
	(void)chunk;
	if (last)
		tell(ctx);
}

static void by_callback(struct ouro_ctx *ctx)
{
	ouro_on_body(ctx, on_body);
}

static void sum(struct ouro_ctx *ctx)
{
	struct ouro_str body;

	ouro_body(ctx, &body);
	ouro_text(ctx, 200, ouro_trailer(ctx, "X-sum"));
}

static void set_up(struct ouro_server *server)
{
	ouro_server_route(server, "POST", "/all", all, NULL);
	ouro_server_route(server, "POST", "/callback", by_callback, NULL);
	ouro_server_route(server, "POST", "/sum", sum, NULL);
}

static void expect(struct site *site, const char *request, const char *body)
{
	struct answer answer = site_answer(site, request);

	cr_assert_eq(answer.status, 200);
	cr_assert(ouro_str_eq(answer.body, ouro_str_c(body)), "%.*s", (int)answer.body.len,
		  answer.body.ptr);
}

Test(trailers, are_there_when_the_body_has_ended)
{
	struct site site;

	site_open_with(&site, NULL, NULL, set_up);
	expect(&site, POST("/all") "1\r\na\r\n0\r\n" FIELDS "\r\n", "X-Sum=1;x-sum=2;X-Empty=;");
	expect(&site, POST("/callback") "1\r\na\r\n0\r\n" FIELDS "\r\n",
	       "X-Sum=1;x-sum=2;X-Empty=;");
	expect(&site, POST("/sum") "0\r\n" FIELDS "\r\n", "1");
	site_close(&site);
}

Test(trailers, are_walked_by_name_and_as_far_as_is_wanted)
{
	struct site site;

	site_open_with(&site, NULL, NULL, set_up);
	expect(&site, POST("/all?name=1") "0\r\n" FIELDS "\r\n", "X-Sum=1;x-sum=2;");
	expect(&site, POST("/all?limit=1") "0\r\n" FIELDS "\r\n", "X-Sum=1;");
	site_close(&site);
}

Test(trailers, do_not_become_headers)
{
	struct site site;
	struct answer answer;

	site_open_with(&site, NULL, NULL, set_up);
	answer = site_answer(&site, POST("/sum") "0\r\nConnection: close\r\nX-Sum: a\r\n\r\n");
	cr_assert(ouro_str_eq(answer.body, OURO_STR("a")));
	cr_assert_null(answer_field(&answer, "connection").ptr);
	site_close(&site);
}

Test(trailers, come_in_any_pieces)
{
	static const char request[] = POST("/all") "1\r\na\r\n0\r\n" FIELDS "\r\n";
	const size_t head = sizeof(POST("/all")) - 1;
	struct site site;

	site_open_with(&site, NULL, NULL, set_up);
	for (size_t cut = head; cut < sizeof(request) - 1; cut++) {
		struct sim_peer *peer = site_connect(&site);
		struct ouro_str got;
		struct answer answer;

		sim_peer_send(peer, request, cut);
		sim_settle(site.loop);
		got = site_ask(&site, peer, request + cut);
		cr_assert(answer_read(&got, false, &answer), "cut at %zu", cut);
		cr_assert(ouro_str_eq(answer.body, OURO_STR("X-Sum=1;x-sum=2;X-Empty=;")));
		sim_peer_fin(peer);
		sim_settle(site.loop);
	}
	site_close(&site);
}

Test(trailers, that_are_many_come_byte_by_byte)
{
	enum { COUNT = 100 };
	struct site site;
	struct sim_peer *peer;
	struct ouro_str got;
	struct answer answer;
	char expected[TEXT_BYTES] = "";

	site_open_with(&site, NULL, NULL, set_up);
	peer = site_connect(&site);
	sim_peer_say(peer, POST("/all") "0\r\n");
	for (int i = 0; i < COUNT; i++) {
		char line[64];

		snprintf(line, sizeof(line), "x-%d: value of %d\r\n", i, i);
		for (size_t k = 0; line[k]; k++) {
			sim_peer_send(peer, line + k, 1);
			sim_settle(site.loop);
		}
		snprintf(expected + strlen(expected), sizeof(expected) - strlen(expected),
			 "x-%d=value of %d;", i, i);
	}
	got = site_ask(&site, peer, "\r\n");
	cr_assert(answer_read(&got, false, &answer));
	cr_assert(ouro_str_eq(answer.body, ouro_str_c(expected)));
	site_close(&site);
}

Test(trailers, over_their_limits_are_431)
{
	const struct ouro_options options = { .head_bytes_max = 512, .fields_max = 3 };
	char request[2048];
	struct site site;

	site_open_with(&site, &options, NULL, set_up);
	cr_assert_eq(site_answer(&site, POST("/all") "0\r\na: b\r\na: b\r\na: b\r\n\r\n").status,
		     200);
	cr_assert_eq(
		site_answer(&site, POST("/all") "0\r\na: b\r\na: b\r\na: b\r\na: b\r\n\r\n").status,
		431);
	snprintf(request, sizeof(request), POST("/all") "0\r\na: %0600d\r\n\r\n", 0);
	cr_assert_eq(site_answer(&site, request).status, 431);
	site_close(&site);
}

Test(trailers, belong_to_one_request)
{
	struct site site;
	struct sim_peer *peer;
	struct ouro_str got;
	struct answer answer;

	site_open_with(&site, NULL, NULL, set_up);
	peer = site_connect(&site);
	got = site_ask(&site, peer,
		       POST("/all") "0\r\n" FIELDS "\r\n" POST("/all") "1\r\na\r\n0\r\n\r\n");
	cr_assert(answer_read(&got, false, &answer));
	cr_assert_gt(answer.body.len, 0);
	cr_assert(answer_read(&got, false, &answer));
	cr_assert_eq(answer.body.len, 0);
	site_close(&site);
}

Test(trailers, cost_nothing_where_there_are_none)
{
	struct site site;
	struct sim_peer *peer;
	uint64_t before;

	site_open_with(&site, NULL, NULL, set_up);
	peer = site_connect(&site);
	before = ouro_counter_get(&site_counters(&site)->bytes_copied);
	sim_peer_say(peer, POST("/all") "1\r\na\r\n0\r\n");
	sim_settle(site.loop);
	/* The empty line in two pieces. */
	sim_peer_say(peer, "\r");
	sim_settle(site.loop);
	cr_assert(ouro_str_starts(site_ask(&site, peer, "\n"), OURO_STR("HTTP/1.1 200")));
	cr_assert_eq(ouro_counter_get(&site_counters(&site)->bytes_copied), before);
	site_close(&site);
}
