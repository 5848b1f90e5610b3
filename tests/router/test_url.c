/* Paths of named routes. */
#include "base/str.h"
#include "router/router.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>

static struct ouro_router *create(void)
{
	static const char *const routes[][2] = {
		{ "home", "/" },
		{ "user", "/users/{id:u64}" },
		{ "post", "/%75sers/{user}/a%2fb/{post}/" },
		{ "order", "/orders/{no:[A-Z]{2}[0-9]+}" },
		{ "file", "/files/{path...}" },
		{ "item", "/items/{id:uuid}" },
		{ "any", "/any/{x:.*}" },
	};
	struct ouro_router *router = ouro_router_create();
	char message[256];

	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		struct ouro_route_spec spec = { .name = ouro_str_c(routes[i][0]),
						.pattern = ouro_str_c(routes[i][1]) };

		cr_assert_eq(ouro_router_add(router, &spec, message, sizeof(message)), 0, "%s",
			     message);
	}
	cr_assert_eq(ouro_router_compile(router, NULL, 0), 0);
	return router;
}

/* "NAME KEY=VALUE.." gives the path, or what the error is called. */
static const char *url(const struct ouro_router *router, const char *text)
{
	static char out[256];
	struct ouro_str words[8];
	struct ouro_url_param params[8];
	size_t count = 0;
	ssize_t len;

	for (const char *at = text; *at; at += *at == ' ') {
		size_t word = strcspn(at, " ");

		words[count++] = ouro_str(at, word);
		at += word;
	}
	for (size_t i = 1; i < count; i++) {
		const char *equals = memchr(words[i].ptr, '=', words[i].len);
		size_t name_len = (size_t)(equals - words[i].ptr);

		params[i - 1].name = ouro_str(words[i].ptr, name_len);
		params[i - 1].value = ouro_str(equals + 1, words[i].len - name_len - 1);
	}
	len = ouro_router_url(router, words[0], params, count - 1, out, sizeof(out) - 1);
	if (len < 0)
		return len == -ENOENT ? "ENOENT" : len == -EINVAL ? "EINVAL" : "another error";
	out[len] = '\0';
	return out;
}

static void expect(const char *text, const char *expected)
{
	struct ouro_router *router = create();

	cr_expect_str_eq(url(router, text), expected, "%s gives %s, not %s", text,
			 url(router, text), expected);
	ouro_router_destroy(router);
}

Test(url, paths)
{
	expect("home", "/");
	expect("user id=7", "/users/7");
	expect("post post=2 user=1", "/users/1/a%2Fb/2/");
	expect("order no=AB12", "/orders/AB12");
	expect("item id=6f75726f-726f-7574-6572-000000000001",
	       "/items/6f75726f-726f-7574-6572-000000000001");
}

Test(url, values_are_encoded_for_their_place)
{
	expect("post user=a/b?c#d%e post=\xc3\xa4:@;~",
	       "/users/a%2Fb%3Fc%23d%25e/a%2Fb/%C3%A4:@;~/");
	expect("file path=a/b%/c", "/files/a/b%25/c");
	expect("file path=", "/files/");
}

Test(url, unknown_names)
{
	expect("nothing", "ENOENT");
	expect("use id=7", "ENOENT");
}

Test(url, parameters_must_be_those_of_the_path)
{
	expect("user", "EINVAL");
	expect("user no=7", "EINVAL");
	expect("user id=7 no=8", "EINVAL");
	expect("post user=1 user=2", "EINVAL");
	expect("home id=7", "EINVAL");
}

Test(url, values_must_come_back_to_the_route)
{
	expect("user id=x", "EINVAL");
	expect("user id=", "EINVAL");
	expect("order no=A1", "EINVAL");
	expect("item id=1", "EINVAL");
	expect("any x=", "EINVAL");
	expect("any x=.", "EINVAL");
	expect("any x=..", "EINVAL");
	expect("any x=...", "/any/...");
	expect("file path=a/../b", "EINVAL");
	expect("file path=..", "EINVAL");
	expect("file path=a/.b", "/files/a/.b");
}

Test(url, room)
{
	struct ouro_router *router = create();
	struct ouro_url_param param = { OURO_STR("id"), OURO_STR("12") };
	char out[9];

	for (size_t room = 0; room < 9; room++)
		cr_expect_eq(ouro_router_url(router, OURO_STR("user"), &param, 1, out, room),
			     -ENOBUFS);
	cr_expect_eq(ouro_router_url(router, OURO_STR("user"), &param, 1, out, 9), 9);
	ouro_router_destroy(router);
}
