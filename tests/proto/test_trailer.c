/* Trailer sections: what the body parser gives of them, and what may be taken from them. */
#include "proto/trailer.h"

#include "base/str.h"
#include "guard.h"
#include "proto/http1_parse.h"
#include "replay.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define HEAD "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
#define FIELDS "X-Sum: 1\r\nContent-Type: a/b\r\nx-empty:\r\nX-Two: \t two words \t\r\n"

static char seen[512];

/* The fields of @section as "name=value;" each. */
static const char *fields_of(struct ouro_str section)
{
	struct ouro_str name, value;
	char *at = seen;

	*at = '\0';
	while (ouro_trailer_next(&section, &name, &value))
		at += sprintf(at, "%.*s=%.*s;", (int)name.len, name.ptr, (int)value.len, value.ptr);
	cr_assert_eq(section.len, 0);
	return seen;
}

Test(trailer, fields_in_order_without_those_that_are_not_allowed)
{
	cr_assert_str_eq(fields_of(OURO_STR(FIELDS "\r\n")), "X-Sum=1;x-empty=;X-Two=two words;");
	cr_assert_str_eq(fields_of(OURO_STR("\r\n")), "");
	cr_assert_str_eq(fields_of(OURO_STR("")), "");
	cr_assert_str_eq(fields_of(OURO_STR("Host: a\r\n\r\n")), "");
}

Test(trailer, a_section_that_is_cut_off_is_read_up_to_there_and_no_further)
{
	static const char text[] = FIELDS "\r\n";
	struct guard guard;

	guard_init(&guard, sizeof(text));
	for (size_t len = 0; len < sizeof(text); len++)
		fields_of(ouro_str(guard_put(&guard, text, len), len));
	guard_fini(&guard);
}

Test(trailer, what_decides_how_a_request_is_read_is_not_allowed)
{
	static const char *const forbidden[] = {
		"Transfer-Encoding",
		"content-length",
		"CONTENT-TYPE",
		"Content-Encoding",
		"Host",
		"Trailer",
		"TE",
		"Connection",
		"Keep-Alive",
		"Upgrade",
		"Authorization",
		"Cookie",
		"Proxy-Authorization",
		"Expect",
		"Range",
		"If-Match",
		"If-None-Match",
		"If-Range",
		"Max-Forwards",
		"Cache-Control",
		"Pragma",
		"Accept",
		"Accept-Encoding",
		"Date",
		"Forwarded",
		"X-Forwarded-For",
		"Via",
		"Set-Cookie",
		"Location",
		"Vary",
	};
	static const char *const allowed[] = { "X-Checksum",    "Digest",  "Repr-Digest", "ETag",
					       "Server-Timing", "Hostess", "If",          "Content",
					       "grpc-status",   "x" };

	for (size_t i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++)
		cr_expect_not(ouro_trailer_is_allowed(ouro_str_c(forbidden[i])), "%s",
			      forbidden[i]);
	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++)
		cr_expect(ouro_trailer_is_allowed(ouro_str_c(allowed[i])), "%s", allowed[i]);
}

/* What the parser gives of the section of the chunked @body, which is cut behind @cut bytes. */
static struct ouro_str collect(struct ouro_str body, size_t cut)
{
	static struct ouro_http1_parser p;
	static char section[512];
	struct ouro_str rest = ouro_str(body.ptr, cut), out = ouro_str(section, 0), payload;
	enum ouro_parse parsed = OURO_PARSE_MORE;
	size_t used;

	ouro_http1_parser_init(&p, &replay_limits);
	ouro_http1_parse_head(&p, HEAD, sizeof(HEAD) - 1, &used);
	cr_assert_eq(ouro_http1_check_head(&p, HEAD), OURO_PARSE_DONE);
	while (parsed == OURO_PARSE_MORE) {
		if (rest.len == 0) {
			cr_assert_eq(rest.ptr, body.ptr + cut);
			rest = ouro_str(body.ptr + cut, body.len - cut);
		}
		parsed = ouro_http1_parse_body(&p, rest.ptr, rest.len, &used, &payload);
		cr_assert_neq(parsed, OURO_PARSE_BAD);
		memcpy(section + out.len, p.trailers.ptr, p.trailers.len);
		out.len += p.trailers.len;
		rest = ouro_str(rest.ptr + used, rest.len - used);
	}
	return out;
}

Test(trailer, the_parser_gives_the_section_however_it_is_cut)
{
	static const char body[] = "3\r\nabc\r\n0;x\r\n" FIELDS "\r\nGET /";

	for (size_t cut = 1; cut < sizeof(body) - 6; cut++) {
		struct ouro_str section = collect(ouro_str(body, sizeof(body) - 1), cut);

		cr_assert(ouro_str_eq(section, OURO_STR(FIELDS "\r\n")), "cut at %zu: %.*s", cut,
			  (int)section.len, section.ptr);
	}
}

Test(trailer, without_fields_the_section_is_an_empty_line)
{
	static const char body[] = "3\r\nabc\r\n0\r\n\r\n";

	for (size_t cut = 1; cut < sizeof(body) - 1; cut++)
		cr_assert(ouro_str_eq(collect(ouro_str(body, sizeof(body) - 1), cut),
				      OURO_STR("\r\n")));
}
