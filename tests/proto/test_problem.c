/* Problem details. */
#include "proto/problem.h"

#include "base/str.h"

#include <criterion/criterion.h>
#include <errno.h>

typedef ssize_t (*write_fn)(const struct ouro_problem *problem, char *out, size_t room);

static void expect(write_fn write, struct ouro_problem problem, const char *expected)
{
	size_t len = problem.detail.len + problem.instance.len + problem.request_id.len;
	size_t expected_len = strlen(expected);
	char out[1024];

	cr_assert_leq(expected_len, OURO_PROBLEM_BYTES_MAX(len));
	cr_assert_eq(write(&problem, out, expected_len), (ssize_t)expected_len);
	cr_expect(ouro_str_eq(ouro_str(out, expected_len), ouro_str_c(expected)), "%.*s",
		  (int)expected_len, out);
	for (size_t room = 0; room < expected_len; room++)
		cr_expect_eq(write(&problem, out, room), -ENOBUFS);
}

Test(problem, json)
{
	struct ouro_problem problem = { .status = 404 };

	expect(ouro_problem_write_json, problem,
	       "{\"type\":\"about:blank\",\"title\":\"Not Found\",\"status\":404}");
	problem.detail = OURO_STR("no \"a\"\n");
	expect(ouro_problem_write_json, problem,
	       "{\"type\":\"about:blank\",\"title\":\"Not Found\",\"status\":404,"
	       "\"detail\":\"no \\\"a\\\"\\n\"}");
	problem.instance = OURO_STR("/a");
	problem.request_id = OURO_STR("1f");
	expect(ouro_problem_write_json, problem,
	       "{\"type\":\"about:blank\",\"title\":\"Not Found\",\"status\":404,"
	       "\"detail\":\"no \\\"a\\\"\\n\",\"instance\":\"/a\",\"request_id\":\"1f\"}");
}

Test(problem, text)
{
	struct ouro_problem problem = { .status = 404, .request_id = OURO_STR("1f") };

	expect(ouro_problem_write_text, problem, "404 Not Found\n");
	problem.detail = OURO_STR("no such thing");
	expect(ouro_problem_write_text, problem, "404 Not Found: no such thing\n");
}

Test(problem, any_status)
{
	for (unsigned status = 0; status < 1000; status++) {
		static const char controls[8];
		struct ouro_problem problem = {
			.status = status,
			.detail = { controls, 8 },
			.instance = { controls, 8 },
			.request_id = { controls, 8 },
		};
		char out[OURO_PROBLEM_BYTES_MAX(24)];

		cr_expect_gt(ouro_problem_write_json(&problem, out, sizeof(out)), 0);
		cr_expect_gt(ouro_problem_write_text(&problem, out, sizeof(out)), 0);
	}
}
