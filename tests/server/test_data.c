/* What requests carry and answers bring: fields, queries, cookies, forms, JSON, negotiated content. */
#include "server/expect.h"

#include <errno.h>
#include <stdarg.h>
#include <yyjson.h>

/* Answers with what the printf(3) format makes. */
static void answer_text(struct ouro_ctx *ctx, const char *format, ...)
{
	char text[1024];
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	cr_assert_lt((size_t)len, sizeof(text));
	ouro_text(ctx, 200, ouro_str(text, (size_t)len));
}

#define VIEW(str) (str).ptr ? (int)(str).len : 8, (str).ptr ? (str).ptr : "(absent)"

struct list {
	char text[256];
	int left; /* pairs to take before the walk is ended */
};

static bool add_pair(void *arg, struct ouro_str name, struct ouro_str value)
{
	struct list *list = arg;
	size_t len = strlen(list->text);

	snprintf(list->text + len, sizeof(list->text) - len, "%.*s=%.*s;", (int)name.len, name.ptr,
		 (int)value.len, value.ptr);
	return --list->left != 0;
}

static ouro_handler_fn current;

static void call_current(struct ouro_ctx *ctx)
{
	current(ctx);
}

static void set_up(struct ouro_server *server)
{
	static const struct ouro_str key = { "0123456789abcdef0123456789abcdef", 32 };

	cr_assert_eq(ouro_server_secret(server, &key, 1), 0);
	add(server, "*", "/", call_current);
}

static void set_up_without_key(struct ouro_server *server)
{
	add(server, "*", "/", call_current);
}

static struct answer ask(struct site *site, ouro_handler_fn fn, const char *request)
{
	current = fn;
	return site_answer(site, request);
}

/* One request to @fn, whose answer must be 200 and @expected. */
static void check(ouro_handler_fn fn, const char *request, const char *expected)
{
	struct answer answer;
	struct site site;

	site_open_with(&site, NULL, NULL, set_up);
	answer = ask(&site, fn, request);
	cr_assert_eq(answer.status, 200, "%s: %u", request, answer.status);
	cr_assert(is(answer.body, expected), "%s", request);
	site_close(&site);
}

static unsigned status_of(ouro_handler_fn fn, const char *request)
{
	const struct ouro_options options = { .body_bytes_max = 64 };
	struct site site;
	unsigned status;

	site_open_with(&site, &options, NULL, set_up);
	status = ask(&site, fn, request).status;
	site_close(&site);
	return status;
}

/* ---- Fields ---- */

static void tell_field(struct ouro_ctx *ctx)
{
	struct ouro_str value = ouro_header(ctx, "x-FIELD");

	answer_text(ctx, "%.*s", VIEW(value));
}

Test(data, field_names_have_no_case)
{
	check(tell_field, ASK("GET", "/", "X-fielD:  a b \r\n"), "a b");
	check(tell_field, ASK("GET", "/", "X-Field:\r\n"), "");
	check(tell_field, ASK("GET", "/", "X-Fiel: a\r\n"), "(absent)");
}

static void tell_repeated(struct ouro_ctx *ctx)
{
	struct list list = { .left = 2 }, all = { .left = -1 };

	ouro_header_each(ctx, "X-field", add_pair, &list);
	ouro_header_each(ctx, NULL, add_pair, &all);
	answer_text(ctx, "%.*s %s %s", VIEW(ouro_header(ctx, "x-field")), list.text, all.text);
}

Test(data, fields_may_repeat_and_be_walked)
{
	check(tell_repeated, ASK("GET", "/", "x-field: 1\r\nX-Field: 2\r\nx-field: 3\r\n"),
	      "1 x-field=1;X-Field=2; Host=a;x-field=1;X-Field=2;x-field=3;");
}

static void tell_known(struct ouro_ctx *ctx)
{
	answer_text(ctx, "%.*s %.*s %d", VIEW(ouro_header_at(ctx, OURO_FIELD_USER_AGENT)),
		    VIEW(ouro_header_at(ctx, OURO_FIELD_ACCEPT)),
		    ouro_header_at(ctx, OURO_FIELD_NONE).ptr != NULL);
}

Test(data, known_fields_have_numbers)
{
	check(tell_known, ASK("GET", "/", "user-AGENT: me\r\n"), "me (absent) 0");
}

static void tell_head(struct ouro_ctx *ctx)
{
	answer_text(ctx, "%.*s|%.*s|%.*s|%.*s|%.*s|%.*s", VIEW(ouro_method(ctx)),
		    VIEW(ouro_target(ctx)), VIEW(ouro_path(ctx)), VIEW(ouro_query_string(ctx)),
		    VIEW(ouro_host(ctx)), VIEW(ouro_pattern(ctx)));
}

Test(data, the_parts_of_a_request_line_are_there)
{
	check(tell_head, GET("/?a=%20"), "GET|/?a=%20|/|a=%20|a|/");
	check(tell_head, "PUT http://b:8/?q HTTP/1.1\r\nHost: b:8\r\n\r\n",
	      "PUT|http://b:8/?q|/|q|b:8|/");
	check(tell_head, "GET http://b HTTP/1.1\r\nHost: b\r\n\r\n", "GET|http://b|/||b|/");
}

/* ---- The query ---- */

static void tell_query(struct ouro_ctx *ctx)
{
	struct list list = { .left = -1 };
	int err = ouro_query_each(ctx, add_pair, &list);

	answer_text(ctx, "%.*s %s %s", VIEW(ouro_query(ctx, "a")), list.text,
		    err == -EINVAL ? "malformed" : "");
}

Test(data, queries_are_decoded)
{
	check(tell_query, GET("/?b=2&a=x+y%21&a=z"), "x y! b=2;a=x y!;a=z; ");
	check(tell_query, GET("/?a"), " a=; ");
	check(tell_query, GET("/"), "(absent)  ");
	check(tell_query, GET("/?&&%61=1&"), "1 a=1; ");
	check(tell_query, GET("/?a=%4"), "(absent)  malformed");
	check(tell_query, GET("/?b=1&a=%zz"), "(absent) b=1; malformed");
}

/* ---- Cookies ---- */

static void tell_cookie(struct ouro_ctx *ctx)
{
	answer_text(ctx, "%.*s", VIEW(ouro_cookie(ctx, "a")));
}

Test(data, cookies_are_found_by_name)
{
	check(tell_cookie, ASK("GET", "/", "Cookie: b=1; a=2; a=3\r\n"), "2");
	check(tell_cookie, ASK("GET", "/", "Cookie: b=1\r\nCookie: a=4\r\n"), "4");
	check(tell_cookie, ASK("GET", "/", "Cookie: A=1; aa=2\r\n"), "(absent)");
	check(tell_cookie, ASK("GET", "/", "Cookie: a=\r\n"), "");
	check(tell_cookie, ASK("GET", "/", "Cookie: a=\"q\"\r\n"), "q");
	check(tell_cookie, GET("/"), "(absent)");
}

static void set_cookies(struct ouro_ctx *ctx)
{
	struct ouro_cookie cookie = { .name = OURO_STR("__Secure-a"), .value = OURO_STR("v") };

	cr_assert_eq(ouro_set_cookie(ctx, &cookie), -EINVAL);
	cookie.name = OURO_STR("a b");
	cr_assert_eq(ouro_set_cookie(ctx, &cookie), -EINVAL);
	cookie.name = OURO_STR("a");
	cookie.value = OURO_STR("x;y");
	cr_assert_eq(ouro_set_cookie(ctx, &cookie), -EINVAL);
	cookie.value = OURO_STR("v");
	cr_assert_eq(ouro_set_cookie(ctx, &cookie), 0);
	ouro_text(ctx, 200, OURO_STR("ok"));
	cr_assert_eq(ouro_set_cookie(ctx, &cookie), -EALREADY);
}

static void set_full_cookie(struct ouro_ctx *ctx)
{
	const struct ouro_cookie cookie = {
		.name = OURO_STR("full"),
		.value = OURO_STR("v"),
		.domain = OURO_STR("example.com"),
		.path = OURO_STR("/p"),
		.max_age_s = 60,
		.expires_unix_s = 784111777,
		.same_site = OURO_SAME_SITE_NONE,
		.secure = true,
		.script_readable = true,
		.partitioned = true,
	};

	cr_assert_eq(ouro_set_cookie(ctx, &cookie), 0);
	ouro_text(ctx, 200, OURO_STR("ok"));
}

static struct ouro_str set_cookie_of(const struct answer *answer)
{
	struct ouro_str field = answer_field(answer, "set-cookie");

	cr_assert_not_null(field.ptr);
	return field;
}

Test(data, cookies_are_set_safely_unless_told_otherwise)
{
	struct answer answer;
	struct site site;

	site_open_with(&site, NULL, NULL, set_up);
	answer = ask(&site, set_cookies, GET("/"));
	cr_assert(is(set_cookie_of(&answer), "a=v; Path=/; HttpOnly; SameSite=Lax"));
	site_close(&site);
}

Test(data, cookies_have_all_attributes)
{
	static const char *const parts[] = {
		"full=v; ",    "Domain=example.com",
		"Path=/p",     "Max-Age=60",
		"Secure",      "SameSite=None",
		"Partitioned", "Expires=Sun, 06 Nov 1994 08:49:37 GMT",
	};
	struct answer answer;
	struct site site;

	site_open_with(&site, NULL, NULL, set_up);
	answer = ask(&site, set_full_cookie, GET("/"));
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		cr_assert(holds(set_cookie_of(&answer), parts[i]));
	cr_assert_null(
		memmem(set_cookie_of(&answer).ptr, set_cookie_of(&answer).len, "HttpOnly", 8));
	site_close(&site);
}

/* ---- Signed and sealed cookies ---- */

static struct ouro_cookie closed_cookie = { .name = { "c", 1 }, .value = { "user-7", 6 } };

static void give_signed(struct ouro_ctx *ctx)
{
	site_notes.result = ouro_set_signed_cookie(ctx, &closed_cookie);
	ouro_text(ctx, 200, OURO_STR("ok"));
}

static void give_sealed(struct ouro_ctx *ctx)
{
	site_notes.result = ouro_set_sealed_cookie(ctx, &closed_cookie);
	ouro_text(ctx, 200, OURO_STR("ok"));
}

static void tell_closed(struct ouro_ctx *ctx)
{
	answer_text(ctx, "%.*s|%.*s", VIEW(ouro_signed_cookie(ctx, "c")),
		    VIEW(ouro_sealed_cookie(ctx, "c")));
}

/* What @give sets, as a client sends it back: called @name, with the byte at @tampered flipped. */
static const char *sent_back(struct site *site, ouro_handler_fn give, const char *name,
			     int tampered)
{
	static char request[1024];
	struct answer answer = ask(site, give, GET("/"));
	struct ouro_str field = set_cookie_of(&answer);
	char value[512];
	size_t len = (size_t)((char *)memchr(field.ptr, ';', field.len) - field.ptr) - 2;

	memcpy(value, field.ptr + 2, len);
	if (tampered >= 0)
		value[(size_t)tampered % len] = value[(size_t)tampered % len] == 'A' ? 'B' : 'A';
	snprintf(request, sizeof(request), "GET / HTTP/1.1\r\nHost: a\r\nCookie: %s=%.*s\r\n\r\n",
		 name, (int)len, value);
	return request;
}

Test(data, signed_and_sealed_cookies_come_back)
{
	struct site site;

	site_open_with(&site, NULL, NULL, set_up);
	cr_assert(is(ask(&site, tell_closed, sent_back(&site, give_signed, "c", -1)).body,
		     "user-7|(absent)"));
	cr_assert(is(ask(&site, tell_closed, sent_back(&site, give_sealed, "c", -1)).body,
		     "(absent)|user-7"));
	site_close(&site);
}

Test(data, sealed_cookies_cannot_be_read_and_differ_each_time)
{
	char first[1024];
	struct site site;

	site_open_with(&site, NULL, NULL, set_up);
	snprintf(first, sizeof(first), "%s", sent_back(&site, give_sealed, "c", -1));
	cr_assert_str_neq(first, sent_back(&site, give_sealed, "c", -1));
	cr_assert_null(strstr(first, "user-7"));
	site_close(&site);
}

Test(data, tampered_cookies_are_absent)
{
	const struct ouro_options options = { .connections_max = 300 };
	struct site site;

	site_open_with(&site, &options, NULL, set_up);
	for (int i = 0; i < 60; i++) {
		cr_assert(is(ask(&site, tell_closed, sent_back(&site, give_signed, "c", i)).body,
			     "(absent)|(absent)"));
		cr_assert(is(ask(&site, tell_closed, sent_back(&site, give_sealed, "c", i)).body,
			     "(absent)|(absent)"));
	}
	cr_assert(is(ask(&site, tell_closed, ASK("GET", "/", "Cookie: c=\r\n")).body,
		     "(absent)|(absent)"));
	site_close(&site);
}

static void tell_other_name(struct ouro_ctx *ctx)
{
	answer_text(ctx, "%.*s|%.*s", VIEW(ouro_signed_cookie(ctx, "d")),
		    VIEW(ouro_sealed_cookie(ctx, "d")));
}

Test(data, a_cookie_is_no_good_under_another_name)
{
	struct site site;

	site_open_with(&site, NULL, NULL, set_up);
	cr_assert(is(ask(&site, tell_other_name, sent_back(&site, give_signed, "d", -1)).body,
		     "(absent)|(absent)"));
	cr_assert(is(ask(&site, tell_other_name, sent_back(&site, give_sealed, "d", -1)).body,
		     "(absent)|(absent)"));
	site_close(&site);
}

Test(data, signed_and_sealed_cookies_expire_whatever_the_client_does)
{
	ouro_handler_fn give[] = { give_signed, give_sealed };

	closed_cookie.max_age_s = 10;
	for (int i = 0; i < 2; i++) {
		const char *request;
		struct site site;

		site_open_with(&site, NULL, NULL, set_up);
		request = sent_back(&site, give[i], "c", -1);
		sim_advance(site.loop, 9000);
		cr_assert(holds(ask(&site, tell_closed, request).body, "user-7"));
		sim_advance(site.loop, 2000);
		cr_assert(is(ask(&site, tell_closed, request).body, "(absent)|(absent)"));
		site_close(&site);
	}
}

Test(data, a_cookie_for_all_times_is_no_overflow)
{
	struct site site;

	closed_cookie.max_age_s = INT64_MAX;
	site_open_with(&site, NULL, NULL, set_up);
	cr_assert(is(ask(&site, tell_closed, sent_back(&site, give_signed, "c", -1)).body,
		     "user-7|(absent)"));
	site_close(&site);
}

static struct ouro_str keys[3];
static size_t key_count;

static void set_up_keys(struct ouro_server *server)
{
	cr_assert_eq(ouro_server_secret(server, keys, key_count), 0);
	add(server, "*", "/", call_current);
}

static const char *ask_with_keys(const char *request, ouro_handler_fn fn, char *out)
{
	struct answer answer;
	struct site site;

	site_open_with(&site, NULL, NULL, set_up_keys);
	if (request)
		answer = ask(&site, fn, request);
	snprintf(out, 1024, "%.*s", request ? (int)answer.body.len : 1024,
		 request ? answer.body.ptr : sent_back(&site, fn, "c", -1));
	site_close(&site);
	return out;
}

Test(data, keys_can_be_changed)
{
	static const struct ouro_str old = { "old-old-old-old-old-old-old-old-", 32 };
	static const struct ouro_str fresh = { "new-new-new-new-new-new-new-new-", 32 };
	char request[1024], told[1024];

	keys[0] = old;
	key_count = 1;
	ask_with_keys(NULL, give_sealed, request);
	keys[0] = fresh;
	keys[1] = old;
	key_count = 2;
	cr_assert_str_eq(ask_with_keys(request, tell_closed, told), "(absent)|user-7");
	key_count = 1;
	cr_assert_str_eq(ask_with_keys(request, tell_closed, told), "(absent)|(absent)");
}

Test(data, without_a_key_there_are_no_closed_cookies)
{
	struct site site;

	site_open_with(&site, NULL, NULL, set_up_without_key);
	ask(&site, give_signed, GET("/"));
	cr_assert_eq(site_notes.result, -ENOKEY);
	ask(&site, give_sealed, GET("/"));
	cr_assert_eq(site_notes.result, -ENOKEY);
	cr_assert(is(ask(&site, tell_closed, ASK("GET", "/", "Cookie: c=abc\r\n")).body,
		     "(absent)|(absent)"));
	site_close(&site);
}

Test(data, weak_keys_are_refused)
{
	const struct ouro_str weak = OURO_STR("short"),
			      good = OURO_STR("0123456789abcdef0123456789abcdef");
	struct draft draft;

	draft_open(&draft);
	cr_assert_eq(ouro_server_secret(draft.server, &weak, 1), -EINVAL);
	cr_assert_eq(ouro_server_secret(draft.server, &weak, 0), -EINVAL);
	cr_assert_eq(ouro_server_secret(draft.server, &good, 1), 0);
	draft_close(&draft);
}

/* ---- Forms ---- */

#define FORM "Content-Type: application/x-www-form-urlencoded\r\n"
#define POST(fields, length, body) ASK("POST", "/", fields "Content-Length: " length "\r\n") body

static void tell_form(struct ouro_ctx *ctx)
{
	struct list list = { .left = -1 };
	int err = ouro_form_each(ctx, add_pair, &list);

	if (err)
		ouro_reject(ctx, err);
	else
		answer_text(ctx, "%.*s %s", VIEW(ouro_form(ctx, "a")), list.text);
}

Test(data, forms_are_decoded)
{
	check(tell_form, POST(FORM, "15", "b=2&a=x+y%21&a="), "x y! b=2;a=x y!;a=;");
	check(tell_form,
	      POST("Content-Type: Application/X-WWW-form-urlencoded; charset=utf-8\r\n", "3",
		   "a=1"),
	      "1 a=1;");
	check(tell_form, POST(FORM, "0", ""), "(absent) ");
	check(tell_form,
	      ASK("POST", "/",
		  FORM
		  "Transfer-Encoding: chunked\r\n") "2\r\na=\r\n3\r\n1%2\r\n1\r\n1\r\n0\r\n\r\n",
	      "1! a=1!;");
}

Test(data, forms_may_come_in_pieces)
{
	struct site site;
	struct sim_peer *peer;

	current = tell_form;
	site_open_with(&site, NULL, NULL, set_up);
	peer = site_connect(&site);
	site_ask(&site, peer, POST(FORM, "9", "a=1"));
	site_ask(&site, peer, "%2");
	cr_assert(holds(site_ask(&site, peer, "1&b="), "\r\n\r\n1! a=1!;b=;"));
	site_close(&site);
}

Test(data, forms_that_are_none_are_rejected)
{
	cr_assert_eq(status_of(tell_form, POST("", "3", "a=1")), 415);
	cr_assert_eq(status_of(tell_form, POST("Content-Type: text/plain\r\n", "3", "a=1")), 415);
	cr_assert_eq(status_of(tell_form, POST(FORM, "4", "a=%4")), 400);
	cr_assert_eq(status_of(tell_form, POST(FORM, "100", "")), 413);
	cr_assert_eq(status_of(tell_form,
			       ASK("POST", "/", FORM "Transfer-Encoding: chunked\r\n") "41\r\n"),
		     413);
}

/* ---- JSON ---- */

#define JSON "Content-Type: application/json\r\n"

static void tell_json(struct ouro_ctx *ctx)
{
	struct yyjson_doc *doc;
	int err = ouro_body_json(ctx, &doc);

	cr_assert_eq(ouro_json_fault(ctx) != NULL, err == -EBADMSG);
	if (err == -EBADMSG)
		answer_text(ctx, "%s", ouro_json_fault(ctx));
	else if (err)
		ouro_reject(ctx, err);
	else
		answer_text(ctx, "%d",
			    (int)yyjson_get_int(yyjson_obj_get(yyjson_doc_get_root(doc), "n")));
}

Test(data, json_is_read)
{
	check(tell_json, POST(JSON, "7", "{\"n\":7}"), "7");
	check(tell_json,
	      POST("Content-Type: Application/JSON; charset=utf-8\r\n", "7", "{\"n\":7}"), "7");
	check(tell_json, POST("Content-Type: application/merge-patch+json\r\n", "7", "{\"n\":7}"),
	      "7");
	check(tell_json,
	      ASK("POST", "/",
		  JSON "Transfer-Encoding: chunked\r\n") "3\r\n{\"n\r\n4\r\n\":7}\r\n0\r\n\r\n",
	      "7");
}

Test(data, malformed_json_is_told_where)
{
	struct answer answer;
	struct site site;

	site_open_with(&site, NULL, NULL, set_up);
	answer = ask(&site, tell_json, POST(JSON, "7", "{\"n\":x}"));
	cr_assert(holds(answer.body, "byte 5: "));
	cr_assert_gt(ask(&site, tell_json, POST(JSON, "0", "")).body.len, 0);
	cr_assert_gt(ask(&site, tell_json, POST(JSON, "8", "{\"n\":7}x")).body.len, 0);
	cr_assert_gt(ask(&site, tell_json, POST(JSON, "4", "\"\xff\xff\"")).body.len, 0);
	site_close(&site);
}

Test(data, json_may_be_nested_128_deep_and_no_deeper)
{
	for (int depth = 128; depth <= 129; depth++) {
		char request[600];
		struct answer answer;
		struct site site;
		int len = snprintf(request, sizeof(request),
				   ASK("POST", "/", JSON "Content-Length: %d\r\n"), 2 * depth);

		memset(request + len, '[', (size_t)depth);
		memset(request + len + depth, ']', (size_t)depth);
		request[len + 2 * depth] = '\0';
		site_open_with(&site, NULL, NULL, set_up);
		answer = ask(&site, tell_json, request);
		if (depth == 128)
			cr_assert(is(answer.body, "0"));
		else
			cr_assert(holds(answer.body, "deep"));
		site_close(&site);
	}
}

Test(data, json_of_another_type_is_415_and_too_much_413)
{
	cr_assert_eq(status_of(tell_json, POST("Content-Type: text/json\r\n", "2", "{}")), 415);
	cr_assert_eq(status_of(tell_json, POST("", "2", "{}")), 415);
	cr_assert_eq(status_of(tell_json, POST(JSON, "100", "")), 413);
}

static void make_json(struct ouro_ctx *ctx)
{
	struct yyjson_mut_doc *doc = ouro_json_doc(ctx);
	yyjson_mut_val *root = yyjson_mut_obj(doc);

	cr_assert_eq(ouro_json(ctx, 200, doc), -EINVAL);
	yyjson_mut_doc_set_root(doc, root);
	yyjson_mut_obj_add_real(doc, root, "nan", 0.0 / 0.0);
	cr_assert_eq(ouro_json(ctx, 200, doc), -EINVAL);
	root = yyjson_mut_obj(doc);
	yyjson_mut_doc_set_root(doc, root);
	yyjson_mut_obj_add_str(doc, root, "name", "a\"b");
	for (int i = 0; i < 1000; i++)
		yyjson_mut_obj_add_int(doc, root, "n", i);
	cr_assert_eq(ouro_json(ctx, 201, doc), 0);
	cr_assert_eq(ouro_json(ctx, 201, doc), -EALREADY);
}

Test(data, json_is_written)
{
	struct answer answer;
	struct site site;

	site_open_with(&site, NULL, NULL, set_up);
	answer = ask(&site, make_json, GET("/"));
	cr_assert_eq(answer.status, 201);
	cr_assert(is(answer_field(&answer, "content-type"), "application/json"));
	cr_assert(holds(answer.body, "{\"name\":\"a\\\"b\",\"n\":0,"));
	cr_assert(holds(answer.body, "\"n\":999}"));
	site_close(&site);
}

static void quote(struct ouro_ctx *ctx)
{
	ouro_text(ctx, 200, ouro_json_string(ctx, ouro_query(ctx, "a")));
}

Test(data, json_strings_are_escaped)
{
	check(quote, GET("/?a=x%22%0a%5c"), "\"x\\\"\\n\\\\\"");
	check(quote, GET("/?a=%ff"), "\"\xef\xbf\xbd\"");
	check(quote, GET("/"), "\"\"");
}

/* ---- Negotiation ---- */

static void negotiate(struct ouro_ctx *ctx)
{
	static const char *const offers[] = { "text/html", "application/json" };

	answer_text(ctx, "%d", ouro_negotiate(ctx, offers, 2));
}

Test(data, content_is_negotiated_by_accept)
{
	check(negotiate, ASK("GET", "/", "Accept: application/json\r\n"), "1");
	check(negotiate, ASK("GET", "/", "Accept: text/*;q=0.1, */*\r\n"), "1");
	check(negotiate, ASK("GET", "/", "Accept: text/*\r\nAccept: application/json;q=0.5\r\n"),
	      "0");
	check(negotiate, ASK("GET", "/", "Accept: image/png\r\n"), "-1");
	check(negotiate, GET("/"), "0");
}

Test(data, negotiation_tells_caches)
{
	struct answer answer;
	struct site site;

	site_open_with(&site, NULL, NULL, set_up);
	answer = ask(&site, negotiate, GET("/"));
	cr_assert(is(answer_field(&answer, "vary"), "accept"));
	site_close(&site);
}

/* ---- The request and its connection ---- */

static void tell_id(struct ouro_ctx *ctx)
{
	struct ouro_str id = ouro_request_id(ctx);

	cr_assert_eq(ouro_request_id(ctx).ptr, id.ptr);
	ouro_text(ctx, 200, id);
}

Test(data, requests_have_ids)
{
	struct answer answer;
	char first[32];
	struct site site;

	site_open_with(&site, NULL, NULL, set_up);
	cr_assert(
		is(ask(&site, tell_id, ASK("GET", "/", "X-Request-Id: abc-7\r\n")).body, "abc-7"));
	answer = ask(&site, tell_id, ASK("GET", "/", "X-Request-Id: a\"b<\r\n"));
	cr_assert_eq(answer.body.len, 32);
	memcpy(first, answer.body.ptr, 32);
	answer = ask(&site, tell_id, GET("/"));
	cr_assert_eq(answer.body.len, 32);
	cr_assert_neq(memcmp(first, answer.body.ptr, 32), 0);
	for (size_t i = 0; i < 32; i++)
		cr_assert_not_null(strchr("0123456789abcdef", answer.body.ptr[i]));
	site_close(&site);
}

static void tell_connection(struct ouro_ctx *ctx)
{
	answer_text(ctx, "%llu %.*s", (unsigned long long)ouro_connection_id(ctx),
		    VIEW(ouro_peer(ctx)));
}

Test(data, connections_have_ids_of_their_own_and_peers)
{
	const struct sim_settings settings = { .remote = true };
	struct sim_peer *one;
	struct site site;
	char first[256];
	struct ouro_str got;

	current = tell_connection;
	site_open_with(&site, NULL, &settings, set_up);
	one = site_connect(&site);
	got = site_ask(&site, one, GET("/"));
	snprintf(first, sizeof(first), "%.*s", VIEW(got));
	cr_assert(is(site_ask(&site, one, GET("/")), first));
	cr_assert(holds(ouro_str_c(first), " 198.51.100.7:"));
	cr_assert_not(
		ouro_str_eq(site_ask(&site, site_connect(&site), GET("/")), ouro_str_c(first)));
	site_close(&site);
}

/* ---- Redirects and rejections ---- */

static void redirect(struct ouro_ctx *ctx)
{
	cr_assert_eq(ouro_redirect(ctx, 200, OURO_STR("/x")), -EINVAL);
	cr_assert_eq(ouro_redirect(ctx, 302, OURO_STR("/x\r\nset-cookie: a=b")), -EINVAL);
	cr_assert_eq(ouro_redirect(ctx, 303, OURO_STR("/x?y=1")), 0);
	cr_assert_eq(ouro_redirect(ctx, 303, OURO_STR("/z")), -EALREADY);
}

Test(data, redirects_have_a_location)
{
	struct answer answer;
	struct site site;

	site_open_with(&site, NULL, NULL, set_up);
	answer = ask(&site, redirect, GET("/"));
	cr_assert_eq(answer.status, 303);
	cr_assert(is(answer_field(&answer, "location"), "/x?y=1"));
	site_close(&site);
}

static int rejected;

static void reject(struct ouro_ctx *ctx)
{
	ouro_reject(ctx, rejected);
	if (!ouro_is_answered(ctx))
		ouro_text(ctx, 200, OURO_STR("not rejected"));
}

Test(data, errors_of_this_interface_have_statuses)
{
	static const struct {
		int err;
		unsigned status;
	} table[] = {
		{ -EMSGSIZE, 413 }, { -EPROTONOSUPPORT, 415 }, { -EBADMSG, 400 },
		{ -EINVAL, 400 },   { -ETIMEDOUT, 503 },       { -EAGAIN, 503 },
		{ -ENOMEM, 503 },   { -EBUSY, 503 },           { -EIO, 500 },
		{ -EDEADLK, 500 },  { -ECANCELED, 200 },       { -ENOTCONN, 200 },
		{ -EALREADY, 200 },
	};
	struct site site;

	site_open_with(&site, NULL, NULL, set_up);
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		rejected = table[i].err;
		cr_assert_eq(ask(&site, reject, GET("/")).status, table[i].status, "%d", rejected);
	}
	site_close(&site);
}

/* ---- Nothing goes from one request to the next ---- */

static int deferred_calls;

static void count_deferred(void *arg)
{
	(void)arg;
	deferred_calls++;
}

static void leave_traces(struct ouro_ctx *ctx)
{
	struct yyjson_doc *doc;
	struct ouro_str body;

	ouro_set_attribute(ctx, "key", &deferred_calls);
	ouro_set_data(ctx, &deferred_calls);
	ouro_defer(ctx, count_deferred, NULL);
	ouro_set_header(ctx, "x-trace", OURO_STR("1"));
	ouro_request_id(ctx);
	cr_assert_eq(ouro_body(ctx, &body), 0);
	cr_assert_gt(body.len, 0);
	cr_assert_eq(ouro_body_json(ctx, &doc), -EBADMSG);
	cr_assert_not_null(ouro_json_fault(ctx));
	ouro_error(ctx, 422, "traces");
}

static void find_traces(struct ouro_ctx *ctx)
{
	struct list fields = { .left = -1 };
	struct ouro_str body;

	cr_assert_null(ouro_attribute(ctx, "key"));
	cr_assert_null(ouro_data(ctx));
	cr_assert_null(ouro_param(ctx, "id").ptr);
	cr_assert_null(ouro_cookie(ctx, "c").ptr);
	cr_assert_null(ouro_query(ctx, "q").ptr);
	cr_assert_null(ouro_json_fault(ctx));
	cr_assert_null(ouro_panic_message(ctx));
	cr_assert_null(ouro_error_detail(ctx));
	cr_assert_eq(ouro_error_status(ctx), 0);
	cr_assert_eq(ouro_status(ctx), 0);
	cr_assert_not(ouro_is_answered(ctx));
	cr_assert_not(ouro_has_body(ctx));
	cr_assert_eq(ouro_body(ctx, &body), 0);
	cr_assert_eq(body.len, 0);
	cr_assert_eq(ouro_request_id(ctx).len, 32);
	cr_assert_eq(ouro_unset_header(ctx, "x-trace"), 0);
	ouro_header_each(ctx, NULL, add_pair, &fields);
	cr_assert_str_eq(fields.text, "Host=a;");
	ouro_text(ctx, 200, OURO_STR("nothing"));
}

static void pass_on(struct ouro_ctx *ctx)
{
	ouro_next(ctx);
}

static bool guard_finds_nothing(struct ouro_ctx *ctx)
{
	cr_assert_null(ouro_param(ctx, "id").ptr);
	cr_assert_null(ouro_param(ctx, "other").ptr);
	cr_assert_null(ouro_attribute(ctx, "key"));
	return true;
}

static void set_up_traces(struct ouro_server *server)
{
	cr_assert_eq(ouro_server_use(server, pass_on), 0);
	add(server, "POST", "/leave/{id}", leave_traces);
	add(server, "GET", "/find", find_traces);
	cr_assert_eq(ouro_server_route(server, "GET", "/guarded/{other}", find_traces,
				       &(struct ouro_route_options){ .guard =
									     guard_finds_nothing }),
		     0);
}

Test(data, a_request_sees_nothing_of_the_one_before_it)
{
	static const char leave[] =
		ASK("POST", "/leave/7?q=1",
		    "Content-Type: application/json\r\nContent-Length: 1\r\nCookie: c=1\r\n"
		    "X-Request-Id: theirs\r\nX-Before: 1\r\n") "x";
	static const char *const next[] = { GET("/find"), GET("/guarded/8") };
	struct site site;
	struct sim_peer *peer;

	site_open_with(&site, NULL, NULL, set_up_traces);
	peer = site_connect(&site);
	for (int i = 0; i < 4; i++) {
		struct ouro_str got;

		cr_assert(holds(site_ask(&site, peer, leave), "HTTP/1.1 422"));
		cr_assert_eq(deferred_calls, i + 1);
		got = site_ask(&site, peer, next[i / 2]);
		cr_assert(holds(got, "\r\n\r\nnothing"));
		cr_assert_null(memmem(got.ptr, got.len, "x-trace", 7));
		cr_assert_eq(deferred_calls, i + 1);
	}
	/* Pipelined, the second has no turn of its own to be cleared in. */
	sim_peer_forget(peer);
	sim_peer_say(peer, leave);
	sim_peer_say(peer, GET("/find"));
	sim_settle(site.loop);
	cr_assert(holds(sim_peer_received(peer), "\r\n\r\nnothing"));
	site_close(&site);
}

Test(data, another_connection_sees_nothing_either)
{
	struct site site;

	site_open_with(&site, NULL, NULL, set_up_traces);
	site_answer(&site, ASK("POST", "/leave/7",
			       "Content-Type: application/json\r\nContent-Length: 1\r\n") "x");
	cr_assert(is(site_answer(&site, GET("/find")).body, "nothing"));
	site_close(&site);
}

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>

static const char *of_exchange, *of_arena, *of_small;

static void keep_pointers(struct ouro_ctx *ctx)
{
	of_exchange = (const char *)ctx;
	of_small = ouro_alloc(ctx, 16);
	of_arena = ouro_alloc(ctx, 1000);
	ouro_text(ctx, 200, OURO_STR("kept"));
}

Test(data, memory_of_a_request_that_is_over_is_poisoned)
{
	struct site site;

	site_open_with(&site, NULL, NULL, set_up);
	ask(&site, keep_pointers, GET("/"));
	cr_assert(__asan_address_is_poisoned(of_exchange));
	cr_assert(__asan_address_is_poisoned(of_small));
	cr_assert(__asan_address_is_poisoned(of_arena));
	site_close(&site);
}
#endif
#endif
