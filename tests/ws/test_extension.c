/* Tests of ws/extension.h. */
#include "ws/extension.h"

#include "base/str.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>

static const struct ouro_ws_deflate_wishes no_wishes;

/* What is answered to @offers; "" without compression, "bad" where it is no list of extensions. */
static const char *answer(const char *offers, const struct ouro_ws_deflate_wishes *wishes)
{
	static char text[OURO_WS_EXTENSION_BYTES_MAX + 1];
	struct ouro_ws_deflate_params params;
	int err = ouro_ws_negotiate_deflate(ouro_str_c(offers), wishes, &params);

	if (err) {
		cr_assert_eq(err, -EINVAL);
		return "bad";
	}
	text[ouro_ws_write_extension(&params, text)] = '\0';
	return text;
}

static void expect(const char *offers, const char *answered)
{
	cr_expect_str_eq(answer(offers, &no_wishes), answered, "%s", offers);
}

#define PMD "permessage-deflate"

Test(ws_extension, offers_that_are_accepted)
{
	expect(PMD, PMD);
	expect("Permessage-Deflate", PMD);
	expect(PMD "; client_max_window_bits", PMD);
	expect(PMD "; client_max_window_bits=15", PMD);
	expect(PMD ";client_max_window_bits=10", PMD "; client_max_window_bits=10");
	expect(PMD " ; client_max_window_bits = \"8\"", PMD "; client_max_window_bits=8");
	expect(PMD "; server_max_window_bits=15", PMD "; server_max_window_bits=15");
	expect(PMD "; server_max_window_bits=9", PMD "; server_max_window_bits=9");
	expect(PMD "; server_no_context_takeover", PMD "; server_no_context_takeover");
	expect(PMD "; client_no_context_takeover", PMD "; client_no_context_takeover");
	expect(PMD "; CLIENT_MAX_WINDOW_BITS=12; client_no_context_takeover;"
		   " server_max_window_bits=15; server_no_context_takeover",
	       PMD "; server_no_context_takeover; client_no_context_takeover;"
		   " server_max_window_bits=15; client_max_window_bits=12");
}

Test(ws_extension, the_first_that_can_be_kept_to)
{
	expect("foo, " PMD, PMD);
	expect("foo; a=b; c=\"d\", bar", "");
	expect(",, " PMD " ,", PMD);
	expect(PMD "; server_max_window_bits=8, " PMD "; server_max_window_bits=10",
	       PMD "; server_max_window_bits=10");
	expect(PMD "; unknown, " PMD "; client_no_context_takeover",
	       PMD "; client_no_context_takeover");
	expect(PMD ", " PMD "; server_max_window_bits=10", PMD);
}

Test(ws_extension, offers_that_are_passed_over)
{
	static const char *const declined[] = {
		PMD "; unknown",
		PMD "; unknown=1",
		PMD "; server_no_context_takeover=1",
		PMD "; client_no_context_takeover=true",
		PMD "; server_no_context_takeover; server_no_context_takeover",
		PMD "; client_no_context_takeover; client_no_context_takeover",
		PMD "; server_max_window_bits",
		PMD "; server_max_window_bits=8",
		PMD "; server_max_window_bits=7",
		PMD "; server_max_window_bits=16",
		PMD "; server_max_window_bits=010",
		PMD "; server_max_window_bits=1x",
		PMD "; server_max_window_bits=\"1\\0\"",
		PMD "; server_max_window_bits=10; server_max_window_bits=10",
		PMD "; client_max_window_bits=0",
		PMD "; client_max_window_bits=7",
		PMD "; client_max_window_bits=16",
		PMD "; client_max_window_bits=100000000000000000000",
		PMD "; client_max_window_bits; client_max_window_bits",
		"x-webkit-deflate-frame",
	};

	for (size_t i = 0; i < sizeof(declined) / sizeof(declined[0]); i++)
		expect(declined[i], "");
}

Test(ws_extension, what_is_no_list_of_extensions)
{
	static const char *const bad[] = {
		"",
		" ",
		",",
		PMD ";",
		PMD "; =1",
		PMD "; a=",
		PMD "; a=\"",
		PMD "; a=\"b",
		PMD "; a=\"b c\"",
		PMD "; a=\"\"",
		PMD "; a=\"b\\",
		PMD " x",
		"=",
		PMD "; a b",
		PMD "; a=b c",
		"\"x\"",
		PMD "/",
		"a, =",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		expect(bad[i], "bad");
}

Test(ws_extension, wishes_of_the_server)
{
	struct ouro_ws_deflate_wishes each = { .server_no_context_takeover = true,
					       .client_no_context_takeover = true };
	struct ouro_ws_deflate_wishes small = { .server_window_bits = 10,
						.client_window_bits = 11 };

	cr_expect_str_eq(answer(PMD, &each),
			 PMD "; server_no_context_takeover; client_no_context_takeover");
	/* A client that does not say that it can be told is not told, and its window is the
	 * largest. */
	cr_expect_str_eq(answer(PMD, &small), PMD "; server_max_window_bits=10");
	cr_expect_str_eq(answer(PMD "; client_max_window_bits", &small),
			 PMD "; server_max_window_bits=10; client_max_window_bits=11");
	cr_expect_str_eq(answer(PMD "; client_max_window_bits=9; server_max_window_bits=9", &small),
			 PMD "; server_max_window_bits=9; client_max_window_bits=9");
	cr_expect_str_eq(answer(PMD "; client_max_window_bits=14; server_max_window_bits=14",
				&small),
			 PMD "; server_max_window_bits=10; client_max_window_bits=11");
}

Test(ws_extension, params_say_what_was_agreed)
{
	struct ouro_ws_deflate_params params = { .server_window_bits = 1 };

	cr_assert_eq(ouro_ws_negotiate_deflate(OURO_STR("foo"), &no_wishes, &params), 0);
	cr_assert_not(params.enabled);
	cr_assert_eq(params.server_window_bits, 0);
	cr_assert_eq(ouro_ws_negotiate_deflate(OURO_STR(PMD "; client_max_window_bits=8"),
					       &no_wishes, &params),
		     0);
	cr_assert(params.enabled);
	cr_assert_eq(params.server_window_bits, 15);
	cr_assert_eq(params.client_window_bits, 8);
	/* What is bad leaves them as they are. */
	cr_assert_eq(ouro_ws_negotiate_deflate(OURO_STR("="), &no_wishes, &params), -EINVAL);
	cr_assert(params.enabled);
}

Test(ws_extension, the_longest_answer_fits)
{
	struct ouro_ws_deflate_wishes all = { true, true, 10, 10 };
	const char *text = answer(PMD "; client_max_window_bits; server_max_window_bits=15", &all);

	cr_assert_str_eq(text, PMD "; server_no_context_takeover; client_no_context_takeover;"
				   " server_max_window_bits=10; client_max_window_bits=10");
}
