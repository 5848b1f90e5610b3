/* host[:port]: by itself, and as the value of Host. */
#include "proto/authority.h"

#include "base/str.h"
#include "replay.h"

#include <criterion/criterion.h>
#include <stdio.h>

struct authority_case {
	const char *text;
	enum ouro_authority expected;
};

static const struct authority_case authorities[] = {
	{ "e.org", OURO_AUTHORITY_HOST },
	{ "E.ORG", OURO_AUTHORITY_HOST },
	{ "e.org.", OURO_AUTHORITY_HOST },
	{ "127.0.0.1", OURO_AUTHORITY_HOST },
	{ "a_b-c~d", OURO_AUTHORITY_HOST },
	{ "a!$&'()*+,;=b", OURO_AUTHORITY_HOST },
	{ "%C3%a4.org", OURO_AUTHORITY_HOST },
	{ "e.org:", OURO_AUTHORITY_HOST },
	{ "e.org:0", OURO_AUTHORITY_HOST_PORT },
	{ "e.org:80", OURO_AUTHORITY_HOST_PORT },
	{ "e.org:65535", OURO_AUTHORITY_HOST_PORT },
	{ "e.org:00080", OURO_AUTHORITY_HOST_PORT },
	{ "[::]", OURO_AUTHORITY_HOST },
	{ "[::1]:8080", OURO_AUTHORITY_HOST_PORT },
	{ "[1:2:3:4:5:6:7:8]", OURO_AUTHORITY_HOST },
	{ "[1:2:3:4:5:6:7::]", OURO_AUTHORITY_HOST },
	{ "[::2:3:4:5:6:7:8]", OURO_AUTHORITY_HOST },
	{ "[2001:DB8::ffff:1]", OURO_AUTHORITY_HOST },
	{ "[::ffff:1.2.3.4]", OURO_AUTHORITY_HOST },
	{ "[1:2:3:4:5:6:1.2.3.4]", OURO_AUTHORITY_HOST },
	{ "[::1.2.3.4]", OURO_AUTHORITY_HOST },
	{ "[v1.a:b]", OURO_AUTHORITY_HOST },
	{ "[VaF.~]:1", OURO_AUTHORITY_HOST_PORT },
	{ "", OURO_AUTHORITY_BAD },
	{ ":", OURO_AUTHORITY_BAD },
	{ ":80", OURO_AUTHORITY_BAD },
	{ "e.org:x", OURO_AUTHORITY_BAD },
	{ "e.org:-1", OURO_AUTHORITY_BAD },
	{ "e.org:80x", OURO_AUTHORITY_BAD },
	{ "e.org:65536", OURO_AUTHORITY_BAD },
	{ "e.org:99999999999999999999", OURO_AUTHORITY_BAD },
	{ "e.org:80:80", OURO_AUTHORITY_BAD },
	{ "u@e.org", OURO_AUTHORITY_BAD },
	{ "u:p@e.org", OURO_AUTHORITY_BAD },
	{ "e org", OURO_AUTHORITY_BAD },
	{ "e/org", OURO_AUTHORITY_BAD },
	{ "e?org", OURO_AUTHORITY_BAD },
	{ "e#org", OURO_AUTHORITY_BAD },
	{ "e\\org", OURO_AUTHORITY_BAD },
	{ "\"e\"", OURO_AUTHORITY_BAD },
	{ "<e>", OURO_AUTHORITY_BAD },
	{ "e\xc3\xa4", OURO_AUTHORITY_BAD },
	{ "e%", OURO_AUTHORITY_BAD },
	{ "e%2", OURO_AUTHORITY_BAD },
	{ "e%2g", OURO_AUTHORITY_BAD },
	{ "e%g2", OURO_AUTHORITY_BAD },
	{ "::1", OURO_AUTHORITY_BAD },
	{ "[", OURO_AUTHORITY_BAD },
	{ "[]", OURO_AUTHORITY_BAD },
	{ "]", OURO_AUTHORITY_BAD },
	{ "[::1", OURO_AUTHORITY_BAD },
	{ "::1]", OURO_AUTHORITY_BAD },
	{ "[::1]x", OURO_AUTHORITY_BAD },
	{ "[::1]]", OURO_AUTHORITY_BAD },
	{ "[:]", OURO_AUTHORITY_BAD },
	{ "[:::]", OURO_AUTHORITY_BAD },
	{ "[1]", OURO_AUTHORITY_BAD },
	{ "[1:2:3:4:5:6:7]", OURO_AUTHORITY_BAD },
	{ "[1:2:3:4:5:6:7:8:9]", OURO_AUTHORITY_BAD },
	{ "[1:2:3:4::5:6:7:8]", OURO_AUTHORITY_BAD },
	{ "[1::2::3]", OURO_AUTHORITY_BAD },
	{ "[:1:2:3:4:5:6:7]", OURO_AUTHORITY_BAD },
	{ "[1:2:3:4:5:6:7:]", OURO_AUTHORITY_BAD },
	{ "[12345::]", OURO_AUTHORITY_BAD },
	{ "[g::]", OURO_AUTHORITY_BAD },
	{ "[::1.2.3]", OURO_AUTHORITY_BAD },
	{ "[::1.2.3.256]", OURO_AUTHORITY_BAD },
	{ "[::1.2.3.04]", OURO_AUTHORITY_BAD },
	{ "[::1.2.3.4.5]", OURO_AUTHORITY_BAD },
	{ "[::1.2.3.4:5]", OURO_AUTHORITY_BAD },
	{ "[1:2:3:4:5:6:7:1.2.3.4]", OURO_AUTHORITY_BAD },
	{ "[1:2:3:4:5:6::1.2.3.4]", OURO_AUTHORITY_BAD },
	{ "[127.0.0.1]", OURO_AUTHORITY_BAD },
	{ "[fe80::1%25eth0]", OURO_AUTHORITY_BAD },
	{ "[v.a]", OURO_AUTHORITY_BAD },
	{ "[v1a]", OURO_AUTHORITY_BAD },
	{ "[v1.]", OURO_AUTHORITY_BAD },
	{ "[v1.[]", OURO_AUTHORITY_BAD },
};

Test(authority, check)
{
	for (size_t i = 0; i < sizeof(authorities) / sizeof(authorities[0]); i++) {
		const struct authority_case *one = &authorities[i];

		cr_expect_eq(ouro_authority_check(ouro_str_c(one->text)), one->expected, "%s",
			     one->text);
	}
}

Test(authority, check_of_host)
{
	char input[128];
	int len;

	for (size_t i = 0; i < sizeof(authorities) / sizeof(authorities[0]); i++) {
		if (authorities[i].expected || !authorities[i].text[0])
			continue;
		len = snprintf(input, sizeof(input), "GET / HTTP/1.1\r\nHost: %s\r\n\r\n",
			       authorities[i].text);
		expect_status(ouro_str(input, (size_t)len), 400);
	}
}
