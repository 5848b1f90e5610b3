/* Status lines. */
#include "proto/status.h"

#include "base/str.h"

#include <criterion/criterion.h>

Test(status, lines_and_texts)
{
	cr_expect(ouro_str_eq(ouro_status_line(200), OURO_STR("HTTP/1.1 200 OK\r\n")));
	cr_expect(ouro_str_eq(ouro_status_text(200), OURO_STR("OK")));
	cr_expect(ouro_str_eq(ouro_status_line(431),
			      OURO_STR("HTTP/1.1 431 Request Header Fields Too Large\r\n")));
	cr_expect(ouro_str_eq(ouro_status_text(511), OURO_STR("Network Authentication Required")));
	cr_expect(ouro_str_eq(ouro_status_text(100), OURO_STR("Continue")));
}

Test(status, without_a_name)
{
	static const unsigned none[] = { 0, 99, 104, 299, 418, 512, 599, 999, 65535 };

	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		cr_expect_eq(ouro_status_line(none[i]).len, 0);
		cr_expect(ouro_str_eq(ouro_status_text(none[i]), OURO_STR("Unknown")));
	}
}
