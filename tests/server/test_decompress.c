/* Bodies of requests that are decoded before anybody sees them. */
#include "coding/coded.h"
#include "server/coders.h"
#include "server/expect.h"

#include <errno.h>
#include <unistd.h>

enum {
	BODY_BYTES = 100000,
	BODY_BYTES_MAX = 200000,
	BOMB_BYTES = 1 << 20,
};

static struct site site;
static char words[BODY_BYTES_MAX + 1], zeros[BOMB_BYTES], sent[1 << 20], request[1 << 20];
static char seen[BODY_BYTES_MAX + 1];
static size_t seen_len;
static int result, pieces, lasts;
static uint64_t announced;

/* ---- Handlers ---- */

static void note(struct ouro_str text)
{
	cr_assert_leq(seen_len + text.len, sizeof(seen));
	if (text.len > 0)
		memcpy(seen + seen_len, text.ptr, text.len);
	seen_len += text.len;
	pieces++;
}

static void in_pieces(struct ouro_ctx *ctx)
{
	struct ouro_slice chunk;

	announced = ouro_body_length(ctx);
	while ((result = (int)ouro_body_read(ctx, &chunk)) > 0)
		note(ouro_str(chunk.ptr, chunk.len));
	if (result == 0)
		ouro_text(ctx, 200, OURO_STR("read"));
}

/* What was read stays as it is while more is decoded. */
static void slowly(struct ouro_ctx *ctx)
{
	struct ouro_slice chunk;

	while ((result = (int)ouro_body_read(ctx, &chunk)) > 0) {
		ouro_sleep(ctx, 10);
		note(ouro_str(chunk.ptr, chunk.len));
	}
	ouro_text(ctx, 200, OURO_STR("read"));
}

static void whole(struct ouro_ctx *ctx)
{
	struct ouro_str body;

	result = ouro_body(ctx, &body);
	if (result)
		return;
	note(body);
	ouro_text(ctx, 200, OURO_STR("read"));
}

static void on_body(struct ouro_ctx *ctx, struct ouro_slice chunk, bool last)
{
	note(ouro_str(chunk.ptr, chunk.len));
	lasts += last;
	if (last)
		ouro_text(ctx, 200, OURO_STR("read"));
}

static void by_callback(struct ouro_ctx *ctx)
{
	ouro_on_body(ctx, on_body);
}

static void echo(struct ouro_ctx *ctx)
{
	struct ouro_slice chunk;

	ouro_begin(ctx, 200, "application/octet-stream", OURO_LENGTH_UNKNOWN);
	while (ouro_body_read(ctx, &chunk) > 0)
		ouro_write_slice(ctx, chunk);
}

static void to_file(struct ouro_ctx *ctx)
{
	FILE *file = tmpfile();
	int64_t len = ouro_body_to_file(ctx, fileno(file), 0);

	cr_assert_geq(len, 0);
	seen_len = (size_t)pread(fileno(file), seen, sizeof(seen), 0);
	cr_expect_eq(seen_len, (size_t)len);
	fclose(file);
	ouro_text(ctx, 200, OURO_STR("read"));
}

static void form(struct ouro_ctx *ctx)
{
	ouro_text(ctx, 200, ouro_form(ctx, "name"));
}

static void json(struct ouro_ctx *ctx)
{
	struct yyjson_doc *doc;

	result = ouro_body_json(ctx, &doc);
	ouro_text(ctx, result ? 400 : 200, OURO_STR("json"));
}

static void ignores(struct ouro_ctx *ctx)
{
	ouro_text(ctx, 200, OURO_STR("ignored"));
}

static void first_piece(struct ouro_ctx *ctx)
{
	struct ouro_slice chunk;

	ouro_body_read(ctx, &chunk);
	ouro_text(ctx, 200, OURO_STR("enough"));
}

static void panics(struct ouro_ctx *ctx)
{
	struct ouro_slice chunk;

	ouro_body_read(ctx, &chunk);
	ouro_panic(ctx, "on purpose");
}

static void set_up(struct ouro_server *server)
{
	add(server, "POST", "/pieces", in_pieces);
	add(server, "POST", "/slowly", slowly);
	add(server, "POST", "/whole", whole);
	add(server, "POST", "/callback", by_callback);
	add(server, "POST", "/file", to_file);
	add(server, "POST", "/echo", echo);
	add(server, "POST", "/form", form);
	add(server, "POST", "/json", json);
	add(server, "POST", "/ignores", ignores);
	add(server, "POST", "/first", first_piece);
	add(server, "POST", "/panics", panics);
	cr_assert_eq(ouro_server_route(server, "POST", "/off", whole,
				       &(struct ouro_route_options){ .decompress =
									     OURO_DECOMPRESS_OFF }),
		     0);
	cr_assert_eq(ouro_server_route(server, "POST", "/on", whole,
				       &(struct ouro_route_options){
					       .decompress = OURO_DECOMPRESS_ON,
					       .decompress_ratio_max = UINT32_MAX,
					       .body_bytes_max = BOMB_BYTES }),
		     0);
}

static void open_site(bool decompress, const struct sim_settings *settings)
{
	fill_words(words, sizeof(words));
	site_open_with(&site,
		       &(struct ouro_options){ .decompress = decompress,
					       .body_bytes_max = BODY_BYTES_MAX },
		       settings, set_up);
}

static void init(void)
{
	open_site(true, NULL);
}

static void fini(void)
{
	cr_expect_eq(site.worker->coders.decoder_count, 0);
	site_close(&site);
}

TestSuite(decompress, .init = init, .fini = fini);

/* ---- Asking ---- */

static struct ouro_str body(size_t len)
{
	return ouro_str(words, len);
}

/* Says that @len bytes at @sent, encoded as @coding says, are POSTed to @path; returns the length of all
 * of it, at @request. */
static size_t make_request(const char *path, const char *coding, const char *fields, size_t len)
{
	size_t head = (size_t)sprintf(request,
				      "POST %s HTTP/1.1\r\nHost: a\r\nContent-Encoding: %s\r\n%s"
				      "Content-Length: %zu\r\n\r\n",
				      path, coding, fields, len);

	cr_assert_leq(head + len, sizeof(request));
	memcpy(request + head, sent, len);
	return head + len;
}

/* The one answer that must have come to @peer. */
static struct answer answer_of(const struct sim_peer *peer)
{
	struct ouro_str bytes = sim_peer_received(peer);
	struct answer answer = { 0 };

	cr_assert(answer_read(&bytes, false, &answer), "%.*s", (int)bytes.len, bytes.ptr);
	cr_assert_eq(bytes.len, 0);
	return answer;
}

/* Sends what is at @sent, all at once. */
static struct answer post_sent(const char *path, const char *coding, const char *fields, size_t len)
{
	struct sim_peer *peer = site_connect(&site);

	seen_len = 0;
	pieces = 0;
	sim_peer_send(peer, request, make_request(path, coding, fields, len));
	sim_settle(site.loop);
	sim_advance(site.loop, 1000);
	return answer_of(peer);
}

static struct answer post(const char *path, enum ouro_coding coding, struct ouro_str content)
{
	return post_sent(path, ouro_coding_name(coding).ptr, "",
			 encode(coding, content, sent, sizeof(sent)));
}

static bool saw(struct ouro_str content)
{
	return ouro_str_eq(ouro_str(seen, seen_len), content);
}

/* ---- What is right ---- */

Test(decompress, each_coding_read_in_each_way)
{
	static const char *const paths[] = { "/pieces", "/slowly", "/whole", "/callback" };

	for (int i = CODINGS_BEGIN; i < OURO_CODING_COUNT; i++)
		for (size_t j = 0; j < sizeof(paths) / sizeof(*paths); j++) {
			struct answer answer =
				post(paths[j], (enum ouro_coding)i, body(BODY_BYTES));

			cr_expect_eq(answer.status, 200, "%s", paths[j]);
			cr_expect(saw(body(BODY_BYTES)), "%s", paths[j]);
		}
	cr_expect_eq(lasts, 4);
}

/* What is encoded cannot be moved as it is, however large it is. */
Test(decompress, into_a_file)
{
	static const size_t sizes[] = { 1000, BODY_BYTES };
	struct sim_peer *peer;
	size_t len;

	for (size_t i = 0; i < 2; i++) {
		len = encode(OURO_CODING_GZIP, body(sizes[i]), sent, sizeof(sent));
		peer = site_connect(&site);
		sim_peer_send(peer, request, make_request("/file", "gzip", "", len));
		for (int turns = 0; turns < 5000 && !sim_peer_received(peer).len; turns++) {
			sim_settle(site.loop);
			usleep(1000);
		}
		cr_expect_eq(answer_of(peer).status, 200);
		cr_expect(saw(body(sizes[i])));
	}
}

Test(decompress, the_length_is_not_known_before)
{
	post("/pieces", OURO_CODING_GZIP, body(BODY_BYTES));
	cr_expect_eq(announced, OURO_LENGTH_UNKNOWN);
	cr_expect_gt(pieces, 4, "one buffer at a time");
}

Test(decompress, whatever_the_bytes_are_cut_into)
{
	enum { SHORT = 300 };

	for (int i = CODINGS_BEGIN; i < OURO_CODING_COUNT; i++) {
		enum ouro_coding coding = (enum ouro_coding)i;
		size_t len = encode(coding, body(SHORT), sent, sizeof(sent));
		size_t all = make_request("/whole", ouro_coding_name(coding).ptr, "", len);

		for (size_t cut = all - len; cut < all; cut++) {
			struct sim_peer *peer = site_connect(&site);

			seen_len = 0;
			sim_peer_send(peer, request, cut);
			sim_settle(site.loop);
			sim_peer_send(peer, request + cut, all - cut);
			sim_settle(site.loop);
			cr_expect_eq(answer_of(peer).status, 200);
			cr_expect(saw(body(SHORT)));
			sim_peer_fin(peer);
			sim_settle(site.loop);
		}
	}
}

Test(decompress, chunked)
{
	struct sim_peer *peer = site_connect(&site);
	size_t len = encode(OURO_CODING_BR, body(BODY_BYTES), sent, sizeof(sent));
	size_t head = (size_t)sprintf(request,
				      "POST /whole HTTP/1.1\r\nHost: a\r\n"
				      "Content-Encoding: br\r\n"
				      "Transfer-Encoding: chunked\r\n\r\n%zx\r\n",
				      len);

	memcpy(request + head, sent, len);
	memcpy(request + head + len, "\r\n0\r\n\r\n", 7);
	sim_peer_send(peer, request, head + len + 7);
	sim_settle(site.loop);
	cr_expect_eq(answer_of(peer).status, 200);
	cr_expect(saw(body(BODY_BYTES)));
}

Test(decompress_wild, in_a_wild_world)
{
	for (uint64_t seed = 1; seed < 20; seed++) {
		struct sim_settings wild = sim_wild(seed);

		wild.reset = 0;
		open_site(true, &wild);
		for (int i = CODINGS_BEGIN; i < OURO_CODING_COUNT; i++) {
			cr_expect_eq(post("/slowly", (enum ouro_coding)i, body(BODY_BYTES)).status,
				     200, "seed %d", (int)seed);
			cr_expect(saw(body(BODY_BYTES)));
		}
		fini();
	}
}

Test(decompress, several_codings_are_undone_in_their_order)
{
	char gzip[1000];
	size_t len = encode(OURO_CODING_GZIP, body(500), gzip, sizeof(gzip));

	len = encode(OURO_CODING_BR, ouro_str(gzip, len), sent, sizeof(sent));
	cr_expect_eq(post_sent("/whole", "gzip, identity, br", "", len).status, 200);
	cr_expect(saw(body(500)));
	cr_expect_eq(post_sent("/whole", "x-gzip\r\nContent-Encoding: BR", "", len).status, 200);
	cr_expect(saw(body(500)));
	cr_expect_eq(post_sent("/whole", "br, gzip", "", len).status, 400);
}

Test(decompress, identity_is_no_coding)
{
	memcpy(sent, words, 100);
	cr_expect_eq(post_sent("/pieces", "identity", "", 100).status, 200);
	cr_expect(saw(body(100)));
	cr_expect_eq(announced, 100);
}

Test(decompress, pieces_can_be_passed_on)
{
	struct answer answer = post("/echo", OURO_CODING_ZSTD, body(BODY_BYTES));

	cr_expect_eq(answer.status, 200);
	cr_expect_gt(answer.body.len, BODY_BYTES);
	cr_expect(holds(answer.body, "0\r\n\r\n"));
}

Test(decompress, forms_and_json)
{
	size_t len = encode(OURO_CODING_GZIP, OURO_STR("a=b&name=J%C3%BCrgen"), sent, sizeof(sent));
	struct answer answer = post_sent("/form", "gzip",
					 "Content-Type: application/x-www-form-urlencoded\r\n",
					 len);

	cr_expect(is(answer.body, "J\xc3\xbcrgen"));
	len = encode(OURO_CODING_ZSTD, OURO_STR("{\"a\": 1}"), sent, sizeof(sent));
	answer = post_sent("/json", "zstd", "Content-Type: application/json\r\n", len);
	cr_expect_eq(answer.status, 200);
}

Test(decompress, the_connection_goes_on)
{
	struct sim_peer *peer = site_connect(&site);
	size_t len = encode(OURO_CODING_GZIP, body(1000), sent, sizeof(sent));

	len = make_request("/whole", "gzip", "", len);
	sim_peer_send(peer, request, len);
	sim_peer_send(peer, request, len);
	sim_settle(site.loop);
	cr_expect_eq(seen_len, 2000);
	cr_expect_not(sim_peer_saw_end(peer));
}

Test(decompress, handlers_need_not_read)
{
	struct sim_peer *peer = site_connect(&site);
	size_t len = encode(OURO_CODING_GZIP, body(BODY_BYTES), sent, sizeof(sent));
	static const char *const paths[] = { "/ignores", "/first" };

	for (size_t i = 0; i < 2; i++) {
		size_t all = make_request(paths[i], "gzip", "", len);

		sim_peer_forget(peer);
		sim_peer_send(peer, request, all - 10);
		sim_settle(site.loop);
		cr_expect_eq(answer_of(peer).status, 200);
		sim_peer_send(peer, request + all - 10, 10);
		sim_settle(site.loop);
		/* The next request is read where the body ends. */
		sim_peer_forget(peer);
		sim_peer_say(peer, GET("/nowhere"));
		sim_settle(site.loop);
		cr_expect_eq(answer_of(peer).status, 404);
	}
	/* And where all of it had come before. */
	sim_peer_forget(peer);
	sim_peer_send(peer, request, make_request("/first", "gzip", "", len));
	sim_settle(site.loop);
	cr_expect_eq(answer_of(peer).status, 200);
	sim_peer_forget(peer);
	sim_peer_say(peer, GET("/nowhere"));
	sim_settle(site.loop);
	cr_expect_eq(answer_of(peer).status, 404);
}

Test(decompress, a_body_that_ends_with_the_connection_is_still_read)
{
	struct sim_peer *peer = site_connect(&site);
	size_t len = encode(OURO_CODING_GZIP, body(BODY_BYTES), sent, sizeof(sent));

	sim_peer_send(peer, request, make_request("/whole", "gzip", "", len));
	sim_peer_fin(peer);
	sim_settle(site.loop);
	cr_expect(saw(body(BODY_BYTES)));
	cr_expect_eq(answer_of(peer).status, 200);
}

Test(decompress, no_body_is_nothing_to_decode)
{
	cr_expect_eq(post_sent("/whole", "gzip", "", 0).status, 200);
	cr_expect_eq(post_sent("/whole", "compress", "", 0).status, 200);
}

/* ---- What is wrong ---- */

Test(decompress, malformed_is_400)
{
	size_t len = encode(OURO_CODING_GZIP, body(BODY_BYTES), sent, sizeof(sent));

	sent[len - 5] ^= 1;
	cr_expect_eq(post_sent("/whole", "gzip", "", len).status, 400);
	cr_expect_eq(result, -EBADMSG);
	memcpy(sent, "garbage", 7);
	for (int i = CODINGS_BEGIN; i < OURO_CODING_COUNT; i++)
		cr_expect_eq(post_sent("/callback", ouro_coding_name((enum ouro_coding)i).ptr, "",
				       7)
				     .status,
			     400);
}

Test(decompress, truncated_is_400)
{
	for (int i = CODINGS_BEGIN; i < OURO_CODING_COUNT; i++) {
		size_t len = encode((enum ouro_coding)i, body(BODY_BYTES), sent, sizeof(sent));

		cr_expect_eq(post_sent("/whole", ouro_coding_name((enum ouro_coding)i).ptr, "",
				       len - 1)
				     .status,
			     400);
		cr_expect_eq(result, -EBADMSG);
	}
}

Test(decompress, garbage_behind_the_end_is_400)
{
	size_t len = encode(OURO_CODING_BR, body(100), sent, sizeof(sent));

	memcpy(sent + len, "more", 4);
	cr_expect_eq(post_sent("/whole", "br", "", len + 4).status, 400);
}

Test(decompress, other_codings_are_415)
{
	struct answer answer = post_sent("/whole", "compress", "", 10);

	cr_expect_eq(answer.status, 415);
	cr_expect(is(answer_field(&answer, "accept-encoding"), "br, zstd, gzip, deflate"));
	cr_expect_eq(post_sent("/whole", "gzip, lzma", "", 10).status, 415);
	cr_expect_eq(post_sent("/whole", "gzip;q=1", "", 10).status, 415);
	cr_expect_eq(post_sent("/whole", "gzip, gzip, gzip, gzip", "", 10).status, 415);
	cr_expect_eq(seen_len, 0);
}

Test(decompress, the_connection_goes_on_behind_415)
{
	struct sim_peer *peer = site_connect(&site);

	memset(sent, 'x', 10);
	sim_peer_send(peer, request, make_request("/whole", "compress", "", 10));
	sim_settle(site.loop);
	cr_expect_eq(answer_of(peer).status, 415);
	sim_peer_forget(peer);
	sim_peer_say(peer, GET("/nowhere"));
	sim_settle(site.loop);
	cr_expect_eq(answer_of(peer).status, 404);
}

Test(decompress, where_there_is_no_route_the_coding_does_not_matter)
{
	cr_expect_eq(post_sent("/nowhere", "compress", "", 10).status, 404);
}

Test(decompress, too_large_is_413)
{
	cr_expect_eq(post("/whole", OURO_CODING_GZIP, body(BODY_BYTES_MAX)).status, 200);
	cr_expect_eq(post("/whole", OURO_CODING_GZIP, body(BODY_BYTES_MAX + 1)).status, 413);
	cr_expect_eq(result, -EMSGSIZE);
	cr_expect_eq(post("/callback", OURO_CODING_BR, body(BODY_BYTES_MAX + 1)).status, 413);
}

/* What does not compress is larger as it is sent. */
Test(decompress, the_limit_is_for_what_is_decoded)
{
	static char noise[BODY_BYTES_MAX];
	size_t len;

	fill_noise(noise, sizeof(noise));
	len = encode(OURO_CODING_GZIP, ouro_str(noise, sizeof(noise)), sent, sizeof(sent));
	cr_expect_gt(len, BODY_BYTES_MAX);
	cr_expect_eq(post_sent("/whole", "gzip", "", len).status, 200);
	cr_expect(saw(ouro_str(noise, sizeof(noise))));
	memcpy(sent, noise, BODY_BYTES_MAX);
	cr_expect_eq(post_sent("/whole", "identity", "", BODY_BYTES_MAX + 1).status, 413);
	cr_expect_eq(post_sent("/whole", "gzip", "", BODY_BYTES_MAX * 2).status, 413);
}

Test(decompress, bombs_are_413)
{
	for (int i = CODINGS_BEGIN; i < OURO_CODING_COUNT; i++) {
		enum ouro_coding coding = (enum ouro_coding)i;

		/* 64 KiB are free; then at most a hundred times what was sent. */
		cr_expect_eq(post("/whole", coding, ouro_str(zeros, 64 << 10)).status, 200);
		cr_expect_eq(post("/whole", coding, ouro_str(zeros, 190000)).status, 413, "%d", i);
		cr_expect_leq(seen_len, 64 << 10);
	}
}

Test(decompress, a_route_may_have_its_own_limits)
{
	cr_expect_eq(post("/on", OURO_CODING_GZIP, ouro_str(words, BODY_BYTES)).status, 200);
	size_t len = encode(OURO_CODING_GZIP, ouro_str(zeros, 190000), sent, sizeof(sent));
	cr_expect_eq(post_sent("/on", "gzip", "", len).status, 200);
}

Test(decompress, off_for_a_route)
{
	size_t len = encode(OURO_CODING_GZIP, body(500), sent, sizeof(sent));

	cr_expect_eq(post_sent("/off", "gzip", "", len).status, 200);
	cr_expect(saw(ouro_str(sent, len)));
	cr_expect_eq(post_sent("/off", "whatever", "", len).status, 200);
}

Test(decompress_off, by_default)
{
	open_site(false, NULL);
	size_t len = encode(OURO_CODING_GZIP, body(500), sent, sizeof(sent));
	cr_expect_eq(post_sent("/whole", "gzip", "", len).status, 200);
	cr_expect(saw(ouro_str(sent, len)));
	cr_expect_eq(post_sent("/on", "gzip", "", len).status, 200);
	cr_expect(saw(body(500)));
	fini();
}

Test(decompress, beyond_the_limit_of_decoders_is_503)
{
	static struct ouro_decoder *taken[OURO_DECODERS_MAX];
	const enum ouro_coding coding = OURO_CODING_DEFLATE;

	for (int i = 0; i < OURO_DECODERS_MAX; i++)
		cr_assert_eq(ouro_coders_take_decoder(&site.worker->coders, &coding, 1, &no_limits,
						      &taken[i]),
			     0);
	cr_expect_eq(post("/whole", OURO_CODING_GZIP, body(100)).status, 503);
	for (int i = 0; i < OURO_DECODERS_MAX; i++)
		ouro_coders_put_decoder(&site.worker->coders, coding, 1, taken[i]);
}

Test(decompress, the_client_goes_within_its_body)
{
	struct sim_peer *peer = site_connect(&site);
	size_t len = encode(OURO_CODING_BR, body(BODY_BYTES), sent, sizeof(sent));

	len = make_request("/slowly", "br", "", len);
	sim_peer_send(peer, request, len / 2);
	sim_settle(site.loop);
	cr_expect_eq(site.worker->coders.decoder_count, 1);
	sim_peer_reset(peer);
	sim_settle(site.loop);
	cr_expect_lt(result, 0);
}

Test(decompress, a_handler_that_panics_leaves_nothing)
{
	cr_expect_eq(post("/panics", OURO_CODING_GZIP, body(BODY_BYTES)).status, 500);
}
