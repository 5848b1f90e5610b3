/* What requests carry and answers bring: cookies (plain, signed, sealed), forms, JSON, and content as
 * the client would have it.
 *
 *	cc data.c $(pkg-config --cflags --libs ouro yyjson) -o data && ./data
 *	curl -c jar -b jar http://127.0.0.1:8080/visits
 *	curl -c jar -d 'user=ada&password=lovelace' http://127.0.0.1:8080/login
 *	curl -b jar http://127.0.0.1:8080/me
 *	curl --json '{"numbers":[1,2,3.5]}' http://127.0.0.1:8080/sum
 *	curl -H 'Accept: application/json' http://127.0.0.1:8080/greeting
 *
 * Listens at $OURO_LISTEN, or at tcp://127.0.0.1:8080. */
#include <errno.h>
#include <ouro.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <yyjson.h>

/* ---- Cookies ---- */

static void theme(struct ouro_ctx *ctx)
{
	struct ouro_cookie cookie = {
		.name = OURO_STR("theme"),
		.value = ouro_param(ctx, "name"),
		.max_age_s = 30 * 86400,
		.script_readable = true,
	};

	if (ouro_set_cookie(ctx, &cookie))
		ouro_error(ctx, 400, "that cannot stand in a cookie");
	else
		ouro_text(ctx, 200, OURO_STR("set\n"));
}
OURO_GET("/theme/{name}", theme);

/* A signed cookie: the client may read how often it was here, but not say so itself. */
static void visits(struct ouro_ctx *ctx)
{
	struct ouro_str before = ouro_signed_cookie(ctx, "visits");
	struct ouro_cookie cookie = { .name = OURO_STR("visits"), .max_age_s = 86400 };
	char text[24] = "";
	int len;

	if (before.len < sizeof(text) && before.len > 0)
		memcpy(text, before.ptr, before.len);
	len = snprintf(text, sizeof(text), "%ld", strtol(text, NULL, 10) + 1);
	cookie.value = (struct ouro_str){ text, (size_t)len };
	ouro_set_signed_cookie(ctx, &cookie);
	ouro_text(ctx, 200, cookie.value);
}
OURO_GET("/visits", visits);

/* ---- Forms, and a sealed cookie, which the client cannot even read ---- */

static bool is_text(struct ouro_str str, const char *text)
{
	return str.len == strlen(text) && memcmp(str.ptr, text, str.len) == 0;
}

static bool count_pair(void *arg, struct ouro_str name, struct ouro_str value)
{
	unsigned *count = arg;

	(void)name;
	(void)value;
	++*count;
	return true;
}

static void login(struct ouro_ctx *ctx)
{
	struct ouro_cookie cookie = { .name = OURO_STR("session"), .max_age_s = 3600 };
	unsigned count = 0;
	int err = ouro_form_each(ctx, count_pair, &count);

	/* Another content type is 415, a malformed body 400, one too large 413. */
	if (err) {
		ouro_reject(ctx, err);
		return;
	}
	if (count != 2 || !is_text(ouro_form(ctx, "password"), "lovelace")) {
		ouro_error(ctx, 403, NULL);
		return;
	}
	cookie.value = ouro_form(ctx, "user");
	cookie.same_site = OURO_SAME_SITE_STRICT;
	if (ouro_set_sealed_cookie(ctx, &cookie))
		ouro_error(ctx, 500, NULL);
	else
		ouro_redirect(ctx, 303, OURO_STR("/me"));
}
OURO_POST("/login", login, OURO_BODY_MAX(4096));

static void me(struct ouro_ctx *ctx)
{
	struct ouro_str user = ouro_sealed_cookie(ctx, "session");

	if (user.ptr)
		ouro_text(ctx, 200, user);
	else
		ouro_error(ctx, 401, NULL);
}
OURO_GET("/me", me);

/* ---- JSON ---- */

static void sum(struct ouro_ctx *ctx)
{
	struct yyjson_mut_doc *out = ouro_json_doc(ctx);
	struct yyjson_doc *doc;
	yyjson_val *numbers, *number;
	yyjson_mut_val *root;
	size_t index, count;
	double total = 0;
	int err = ouro_body_json(ctx, &doc);

	if (err == -EBADMSG && ouro_json_fault(ctx)) {
		ouro_error(ctx, 400, ouro_json_fault(ctx));
		return;
	}
	if (err || !out) {
		ouro_reject(ctx, err ? err : -ENOMEM);
		return;
	}
	numbers = yyjson_obj_get(yyjson_doc_get_root(doc), "numbers");
	if (!yyjson_is_arr(numbers)) {
		ouro_error(ctx, 422, "\"numbers\" must be an array");
		return;
	}
	yyjson_arr_foreach(numbers, index, count, number) total += yyjson_get_num(number);
	root = yyjson_mut_obj(out);
	yyjson_mut_doc_set_root(out, root);
	yyjson_mut_obj_add_uint(out, root, "count", count);
	yyjson_mut_obj_add_real(out, root, "sum", total);
	ouro_json(ctx, 200, out);
}
OURO_POST("/sum", sum);

/* ---- Negotiation ---- */

static void greeting(struct ouro_ctx *ctx)
{
	static const char *const offers[] = { "text/plain", "text/html", "application/json" };

	switch (ouro_negotiate(ctx, offers, sizeof(offers) / sizeof(offers[0]))) {
	case 0:
		ouro_text(ctx, 200, OURO_STR("hello\n"));
		break;
	case 1:
		ouro_send(ctx, 200, offers[1], OURO_STR("<p>hello</p>\n"));
		break;
	case 2:
		ouro_send(ctx, 200, offers[2], OURO_STR("{\"greeting\":\"hello\"}\n"));
		break;
	default:
		ouro_error(ctx, 406, "text, HTML or JSON");
	}
}
OURO_GET("/greeting", greeting);

/* Keys that are made anew at each start do for an example: old cookies are no good then. */
static int set_secret(struct ouro_server *server)
{
	char key[32];
	struct ouro_str keys = { key, sizeof(key) };

	if (getrandom(key, sizeof(key), 0) != (ssize_t)sizeof(key))
		return -EIO;
	return ouro_server_secret(server, &keys, 1);
}

int main(void)
{
	struct ouro_options options = { .listen = getenv("OURO_LISTEN") };
	struct ouro_server *server;
	int err = ouro_server_create(&server, &options);

	if (err)
		return EXIT_FAILURE;
	err = set_secret(server);
	if (!err)
		err = ouro_server_declared(server);
	if (!err)
		err = ouro_server_run(server);
	ouro_server_destroy(server);
	return err ? EXIT_FAILURE : EXIT_SUCCESS;
}
