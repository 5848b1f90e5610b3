/* Forms with files, part by part: what comes, limits, faults. */
#include "server/form_site.h"

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED
#endif
#endif

enum {
#ifdef SANITIZED
	LARGE_BYTES = 1 << 20,
#else
	LARGE_BYTES = 20 << 20,
#endif
};

static uint64_t seen_bytes, seen_sum;
static bool keep_going;

/* ---- Handlers ---- */

static void list(struct ouro_ctx *ctx)
{
	struct ouro_slice chunk;
	struct ouro_part part;
	ssize_t got = 0;
	int step;

	while ((step = ouro_multipart_next(ctx, &part)) > 0) {
		cr_assert_eq(part.fd, -1);
		tell_part(&part);
		while ((got = ouro_part_read(ctx, &chunk)) > 0) {
			cr_assert_eq((size_t)got, chunk.len);
			tell("%.*s", (int)chunk.len, chunk.ptr);
		}
		cr_assert_eq(chunk.len, 0);
		if (got < 0)
			break;
		results[1] = (int)ouro_part_read(ctx, &chunk);
		tell("]");
	}
	answer(ctx, got < 0 ? (int)got : step);
	/* It does not change any more. */
	results[2] = ouro_multipart_next(ctx, &part);
}

static void list_within_limits(struct ouro_ctx *ctx)
{
	int err = ouro_multipart_begin(ctx, &options);

	results[3] = ouro_multipart_begin(ctx, NULL);
	if (err)
		answer(ctx, err);
	else
		list(ctx);
}

static void skip(struct ouro_ctx *ctx)
{
	struct ouro_slice chunk;
	struct ouro_part part;
	int step;

	results[1] = (int)ouro_part_read(ctx, &chunk);
	results[2] = ouro_part_save(ctx, 1, NULL);
	for (int i = 0; (step = ouro_multipart_next(ctx, &part)) > 0; i++) {
		tell("%.*s;", VIEW(part.name));
		if (i % 2)
			ouro_part_read(ctx, &chunk);
	}
	answer(ctx, step);
}

/* What it gets it sends, in the buffers that it came in. */
static void echo(struct ouro_ctx *ctx)
{
	struct ouro_slice chunk;
	struct ouro_part part;

	results[0] = ouro_multipart_next(ctx, &part);
	ouro_begin(ctx, 200, NULL, OURO_LENGTH_UNKNOWN);
	while (ouro_part_read(ctx, &chunk) > 0)
		ouro_write_slice(ctx, chunk);
	results[1] = ouro_multipart_next(ctx, &part);
}

static void fields(struct ouro_ctx *ctx)
{
	struct ouro_part part, nothing = { 0 };

	cr_assert_eq(ouro_multipart_next(ctx, &part), 1);
	tell("%.*s|%.*s|%.*s|%.*s", VIEW(ouro_part_header(&part, "x-OTHER")),
	     VIEW(ouro_part_header(&part, "content-type")), VIEW(ouro_part_header(&part, "x")),
	     VIEW(ouro_part_header(&nothing, "x")));
	answer(ctx, 0);
}

static void sum_up(struct ouro_ctx *ctx)
{
	struct ouro_slice chunk;
	struct ouro_part part;
	int step;

	seen_bytes = seen_sum = 0;
	while ((step = ouro_multipart_next(ctx, &part)) > 0)
		while (ouro_part_read(ctx, &chunk) > 0)
			for (size_t i = 0; i < chunk.len; i++)
				seen_sum += (unsigned char)chunk.ptr[i] * (1 + seen_bytes++ % 251);
	answer(ctx, step);
}
static void go_on_and_on(struct ouro_ctx *ctx)
{
	struct ouro_part part;

	do
		results[0] = ouro_multipart_next(ctx, &part);
	while (results[0] != 0 && keep_going);
}

static void body_first(struct ouro_ctx *ctx)
{
	struct ouro_str body;
	struct ouro_part part;

	ouro_body(ctx, &body);
	answer(ctx, ouro_multipart_next(ctx, &part));
}

/* A mistake, and harmless but to itself. */
static void body_between(struct ouro_ctx *ctx)
{
	struct ouro_slice chunk;
	struct ouro_part part;
	struct ouro_str body;

	ouro_multipart_next(ctx, &part);
	ouro_body(ctx, &body);
	results[1] = (int)ouro_part_read(ctx, &chunk);
	tell("%.*s", (int)chunk.len, chunk.ptr);
	results[2] = (int)ouro_part_read(ctx, &chunk);
	answer(ctx, 0);
}
static void set_up(struct ouro_server *server)
{
	const struct ouro_route_options small = { .body_bytes_max = 100 };
	const struct ouro_route_options inline_ = { .run_inline = true };

	add(server, "POST", "/list", list);
	cr_assert_eq(ouro_server_route(server, "POST", "/small", list, &small), 0);
	cr_assert_eq(ouro_server_route(server, "POST", "/inline", list, &inline_), 0);
	add(server, "POST", "/limits", list_within_limits);
	add(server, "POST", "/skip", skip);
	add(server, "POST", "/echo", echo);
	add(server, "POST", "/fields", fields);
	add(server, "POST", "/sum", sum_up);
	add(server, "POST", "/on-and-on", go_on_and_on);
	add(server, "POST", "/body-first", body_first);
	add(server, "POST", "/body-between", body_between);
}

static void open_site(void)
{
	options = (struct ouro_multipart_options){ 0 };
	open_form_site(set_up, NULL);
}

/* ---- Part by part ---- */

Test(multipart, gives_parts_with_names_types_and_data)
{
	open_site();
	expect_answer("/list", TWO, 200, TWO_TOLD);
	cr_assert_eq(results[1], 0);
	cr_assert_eq(results[2], 0);
	expect_answer("/list", ENDS, 200, "");
	expect_answer("/list", PART("", "") ENDS, 200, "[ - - ]");
	expect_answer("/list", "--b\r\n" FILED("f", "") "\r\n\r\n" ENDS, 200, "[f  - ]");
	expect_answer("/list", "ignored\r\n" TWO "ignored", 200, TWO_TOLD);
	close_form_site();
}

Test(multipart, may_be_cut_at_every_byte)
{
	size_t len;

	open_site();
	len = write_request("/list", TYPE, TWO, strlen(TWO));
	for (size_t cut = 1; cut < len; cut++) {
		struct sim_peer *peer = site_connect(&site);
		struct ouro_str bytes;
		struct answer got;

		forget();
		sim_peer_send(peer, request, cut);
		sim_settle(site.loop);
		sim_peer_send(peer, request + cut, len - cut);
		sim_settle(site.loop);
		bytes = sim_peer_received(peer);
		cr_assert(answer_read(&bytes, false, &got));
		cr_assert(is(got.body, TWO_TOLD), "cut at %zu", cut);
		sim_peer_fin(peer);
		sim_settle(site.loop);
	}
	close_form_site();
}

Test(multipart, may_come_byte_by_byte)
{
	struct sim_peer *peer;
	size_t len;

	open_site();
	peer = site_connect(&site);
	len = write_request("/list", TYPE, TWO, strlen(TWO));
	for (size_t i = 0; i < len; i++) {
		sim_peer_send(peer, request + i, 1);
		sim_settle(site.loop);
	}
	cr_assert_eq(status_of(peer), 200);
	cr_assert(is(ouro_str_c(told), TWO_TOLD));
	close_form_site();
}

Test(multipart, what_is_not_read_is_skipped)
{
	open_site();
	expect_answer("/skip", PART("a", "one") PART("b", "two") PART("c", "\r\n--") ENDS, 200,
		      "a;b;c;");
	/* There was no part to read yet. */
	cr_assert_eq(results[1], -EINVAL);
	cr_assert_eq(results[2], -EINVAL);
	close_form_site();
}

/* Slices stay what they are until the client takes them, those of bytes that were held back too. */
Test(multipart, data_can_be_passed_on)
{
	static const char data[] = "one\r\n--two\r\n-\r\r\n--";
	size_t len;

	open_site();
	len = write_request("/echo", TYPE, PART("a", "one\r\n--two\r\n-\r\r\n--") ENDS,
			    strlen(PART("a", "one\r\n--two\r\n-\r\r\n--") ENDS));
	for (size_t step = 1; step < 7; step++) {
		struct sim_peer *peer = site_connect(&site);
		struct ouro_str got;
		char joined[64] = "";

		sim_peer_set_reading(peer, false);
		for (size_t at = 0; at < len; at += step) {
			sim_peer_send(peer, request + at, len - at < step ? len - at : step);
			sim_settle(site.loop);
		}
		sim_peer_set_reading(peer, true);
		sim_settle(site.loop);
		cr_assert_eq(results[1], 0);
		/* The chunks of the answer, joined. */
		got = sim_peer_received(peer);
		for (const char *at = strstr(got.ptr, "\r\n\r\n") + 4; *at != '0';) {
			char *line_end;
			size_t bytes = strtoul(at, &line_end, 16);

			strncat(joined, line_end + 2, bytes);
			at = line_end + 2 + bytes + 2;
		}
		cr_assert_str_eq(joined, data, "in pieces of %zu", step);
	}
	close_form_site();
}

Test(multipart, other_fields_can_be_asked_for)
{
	open_site();
	expect_answer("/fields",
		      "--b\r\nX-Other: 1\r\nContent-Type: a/b\r\n" NAMED("a") "\r\n" ENDS, 200,
		      "1|a/b|-|-");
	close_form_site();
}

/* One chunk for each byte: the handler is woken for each. */
Test(multipart, twenty_mebibytes_byte_by_byte_are_the_same)
{
	static const char head[] = "POST /sum HTTP/1.1\r\nHost: a\r\nContent-Type: " TYPE "\r\n"
				   "Transfer-Encoding: chunked\r\n\r\n";
	static char piece[8192 * 6];
	size_t sent = 0, prefix = strlen("--b\r\n" NAMED("a") "\r\n"), total;
	struct sim_peer *peer;
	uint64_t sum = 0;

	open_site();
	peer = site_connect(&site);
	sim_peer_say(peer, head);
	total = prefix + LARGE_BYTES + strlen("\r\n--b--");
	while (sent < total) {
		char *at = piece;

		for (int i = 0; i < 8192 && sent < total; i++, sent++) {
			size_t place = sent - prefix;
			char c = (char)(place % 1009 ? place * 31 >> 3 : '\r');

			if (sent < prefix)
				c = ("--b\r\n" NAMED("a") "\r\n")[sent];
			else if (place >= LARGE_BYTES)
				c = "\r\n--b--"[place - LARGE_BYTES];
			else
				sum += (unsigned char)c * (1 + place % 251);
			memcpy(at, "1\r\nx\r\n", 6);
			at[3] = c;
			at += 6;
		}
		sim_peer_send(peer, piece, (size_t)(at - piece));
		sim_settle(site.loop);
	}
	sim_peer_say(peer, "0\r\n\r\n");
	sim_settle(site.loop);
	cr_assert_eq(status_of(peer), 200);
	cr_assert_eq(seen_bytes, LARGE_BYTES);
	cr_assert_eq(seen_sum, sum);
	close_form_site();
}

/* ---- What goes wrong ---- */

Test(multipart, of_another_content_type_is_415)
{
	open_site();
	cr_assert_eq(ask_type("/list", "application/x-www-form-urlencoded", "a=b", 3).status, 415);
	cr_assert_eq(results[0], -EPROTONOSUPPORT);
	cr_assert_eq(ask_type("/list", "multipart/mixed; boundary=b", "", 0).status, 415);
	cr_assert_eq(site_answer(&site, ASK("POST", "/list", "")).status, 415);
	close_form_site();
}

Test(multipart, without_a_boundary_is_400)
{
	struct answer got;

	open_site();
	got = ask_type("/list", "multipart/form-data", ENDS, strlen(ENDS));
	cr_assert_eq(got.status, 400);
	cr_assert_eq(results[0], -EBADMSG);
	cr_assert_eq(results[2], -EBADMSG);
	cr_assert(holds(got.body, "the content type has no boundary"));
	got = ask_type("/list", "multipart/form-data; boundary=\"b", ENDS, strlen(ENDS));
	cr_assert_eq(got.status, 400);
	cr_assert(holds(got.body, "the content type has a malformed boundary"));
	close_form_site();
}

Test(multipart, malformed_is_400_and_says_where)
{
	open_site();
	expect_answer("/list", "--b\n", 400, "byte 3: the line of a boundary ends in LF alone");
	cr_assert_eq(results[0], -EBADMSG);
	cr_assert_eq(results[2], -EBADMSG);
	expect_answer("/list", PART("a", "one"), 400, "the body ends within a part");
	expect_answer("/list", "", 400, "byte 0: the body ends before its first boundary");
	close_form_site();
}

Test(multipart, behind_a_malformed_body_the_connection_goes_on)
{
	struct sim_peer *peer;

	open_site();
	peer = site_connect(&site);
	sim_peer_send(peer, request, write_request("/list", TYPE, "--b\nand so on", 13));
	sim_settle(site.loop);
	cr_assert_eq(status_of(peer), 400);
	sim_peer_forget(peer);
	told[0] = '\0';
	sim_peer_send(peer, request, write_request("/list", TYPE, TWO, strlen(TWO)));
	sim_settle(site.loop);
	cr_assert_eq(status_of(peer), 200);
	close_form_site();
}

Test(multipart, a_malformed_chunk_is_ebadmsg_without_a_fault)
{
	struct sim_peer *peer;

	open_site();
	peer = site_connect(&site);
	site_ask(&site, peer,
		 ASK("POST", "/list",
		     "Content-Type: " TYPE
		     "\r\nTransfer-Encoding: chunked\r\n") "3\r\n--b\r\nzz\r\n");
	cr_assert_eq(status_of(peer), 400);
	cr_assert_eq(results[0], -EBADMSG);
	cr_assert(!memmem(sim_peer_received(peer).ptr, sim_peer_received(peer).len, "byte", 4));
	close_form_site();
}

Test(multipart, larger_than_the_route_takes_is_413)
{
	struct sim_peer *peer;

	open_site();
	peer = site_connect(&site);
	sim_peer_send(peer, request, write_request("/small", TYPE, TWO, strlen(TWO)));
	sim_settle(site.loop);
	cr_assert_eq(status_of(peer), 413);
	close_form_site();
}

Test(multipart, on_the_loops_own_stack_is_edeadlk)
{
	open_site();
	cr_assert_eq(ask("/inline", TWO).status, 500);
	cr_assert_eq(results[0], -EDEADLK);
	close_form_site();
}

Test(multipart, of_a_client_that_goes_is_ecanceled)
{
	struct sim_peer *peer;

	open_site();
	for (size_t cut = strlen(TWO) - 1; cut > 0; cut -= 10) {
		peer = site_connect(&site);
		sim_peer_send(peer, request, write_request("/list", TYPE, TWO, strlen(TWO)) - cut);
		sim_settle(site.loop);
		sim_peer_reset(peer);
		sim_settle(site.loop);
		cr_assert_eq(results[0], -ECANCELED);
		cr_assert_eq(results[2], -ECANCELED);
		if (cut < 10)
			break;
	}
	close_form_site();
}

Test(multipart, who_goes_on_though_the_client_has_gone_is_ended)
{
	struct sim_peer *peer;

	open_site();
	keep_going = true;
	peer = site_connect(&site);
	sim_peer_send(peer, request, write_request("/on-and-on", TYPE, TWO, strlen(TWO)) - 10);
	sim_settle(site.loop);
	sim_peer_reset(peer);
	sim_settle(site.loop);
	cr_assert(strstr(site.logged, "100 times after it was cancelled"));
	close_form_site();
}

Test(multipart, who_goes_on_behind_an_error_is_ended)
{
	open_site();
	keep_going = true;
	cr_assert_eq(ask("/on-and-on", "--b\n").status, 500);
	cr_assert_eq(results[0], -EBADMSG);
	cr_assert(strstr(site.logged, "100 times after an error"));
	close_form_site();
}

Test(multipart, who_goes_on_behind_a_refusal_is_ended)
{
	open_site();
	keep_going = true;
	cr_assert_eq(ask_type("/on-and-on", "text/plain", TWO, strlen(TWO)).status, 500);
	cr_assert_eq(results[0], -EPROTONOSUPPORT);
	cr_assert_eq(ask_type("/on-and-on", "multipart/form-data", TWO, strlen(TWO)).status, 500);
	cr_assert_eq(results[0], -EBADMSG);
	cr_assert(strstr(site.logged, "100 times after an error"));
	close_form_site();
}

Test(multipart, goes_together_with_nothing_else_that_reads_the_body)
{
	open_site();
	cr_assert_eq(ask("/body-first", TWO).status, 500);
	cr_assert_eq(results[0], -EALREADY);
	/* What was there already is still to be read. */
	expect_answer("/body-between", PART("a", "one") ENDS, 200, "one");
	cr_assert_eq(results[1], 3);
	cr_assert_eq(results[2], 0);
	close_form_site();
}

/* ---- Limits ---- */

Test(multipart, parts_have_a_limit)
{
	open_site();
	options.parts_max = 2;
	expect_answer("/limits", TWO, 200, TWO_TOLD);
	cr_assert_eq(results[3], -EALREADY);
	expect_answer("/limits", PART("a", "one") TWO, 413, "byte 113: too many parts");
	cr_assert_eq(results[0], -EMSGSIZE);
	cr_assert_eq(results[2], -EMSGSIZE);
	close_form_site();
}

Test(multipart, there_are_128_parts_by_default)
{
	static const char part[] = PART("a", "");
	const size_t bytes = sizeof(part) - 1;
	static char body[130 * sizeof(part)];

	open_site();
	options.parts_max = 0;
	for (size_t i = 0; i < 129; i++)
		memcpy(body + i * bytes, part, bytes);
	strcpy(body + 128 * bytes, ENDS);
	cr_assert_eq(ask("/limits", body).status, 200);
	memcpy(body + 128 * bytes, part, bytes);
	strcpy(body + 129 * bytes, ENDS);
	cr_assert_eq(ask("/limits", body).status, 413);
	close_form_site();
}

Test(multipart, names_have_a_limit)
{
	open_site();
	/* As they are without their escapes. */
	options.name_bytes_max = 3;
	expect_answer("/limits", "--b\r\n" FILED("%22%22%22", "a%22b") "\r\n" ENDS, 200,
		      "[\"\"\" a\"b - ]");
	expect_answer("/limits", PART("four", "one") ENDS, 413,
		      "byte 5: the name of a part is too long");
	expect_answer("/limits", "--b\r\n" FILED("f", "four") "\r\n" ENDS, 413,
		      "byte 5: the name of a part is too long");
	cr_assert_eq(results[0], -EMSGSIZE);
	cr_assert_eq(results[2], -EMSGSIZE);
	close_form_site();
}

Test(multipart, names_have_1024_bytes_by_default)
{
	char body[2048], name[1026];

	open_site();
	memset(name, 'n', sizeof(name));
	name[1024] = '\0';
	snprintf(body, sizeof(body), "--b\r\n" NAMED("%s") "\r\n" ENDS, name);
	cr_assert_eq(ask("/limits", body).status, 200);
	name[1024] = 'n';
	name[1025] = '\0';
	snprintf(body, sizeof(body), "--b\r\n" NAMED("%s") "\r\n" ENDS, name);
	cr_assert_eq(ask("/limits", body).status, 413);
	close_form_site();
}

Test(multipart, parts_have_a_limit_of_bytes)
{
	open_site();
	options.part_bytes_max = 3;
	expect_answer("/limits", PART("a", "one") PART("b", "two") ENDS, 200,
		      "[a - - one][b - - two]");
	expect_answer("/limits", PART("a", "four") ENDS, 413, "byte 52: a part is too large");
	cr_assert_eq(results[2], -EMSGSIZE);
	close_form_site();
}

Test(multipart, headers_have_a_limit_of_bytes)
{
	open_site();
	options.header_bytes_max = (uint32_t)strlen(NAMED("a") "\r\n");
	expect_answer("/limits", PART("a", "one") ENDS, 200, "[a - - one]");
	options.header_bytes_max--;
	expect_answer("/limits", PART("a", "one") ENDS, 413, "the header of a part is too large");
	options.header_bytes_max = 8192;
	expect_answer("/limits", PART("a", "one") ENDS, 200, "[a - - one]");
	options.header_bytes_max = 8193;
	cr_assert_eq(ask("/limits", PART("a", "one") ENDS).status, 400);
	cr_assert_eq(results[0], -EINVAL);
	close_form_site();
}
