/* Problem details: see proto/problem.h. */
#include "proto/problem.h"

#include "base/str.h"
#include "proto/put.h"
#include "proto/status.h"

static void put_member(struct ouro_put *put, struct ouro_str key, struct ouro_str value)
{
	if (value.len == 0)
		return;
	ouro_put_str(put, key);
	ouro_put_json(put, value);
}

ssize_t ouro_problem_write_json(const struct ouro_problem *problem, char *out, size_t room)
{
	struct ouro_put put;

	ouro_put_init(&put, out, room);
	ouro_put_str(&put, OURO_STR("{\"type\":\"about:blank\",\"title\":"));
	ouro_put_json(&put, ouro_status_text(problem->status));
	ouro_put_str(&put, OURO_STR(",\"status\":"));
	ouro_put_dec(&put, problem->status);
	put_member(&put, OURO_STR(",\"detail\":"), problem->detail);
	put_member(&put, OURO_STR(",\"instance\":"), problem->instance);
	put_member(&put, OURO_STR(",\"request_id\":"), problem->request_id);
	ouro_put_str(&put, OURO_STR("}"));
	return ouro_put_end(&put);
}

ssize_t ouro_problem_write_text(const struct ouro_problem *problem, char *out, size_t room)
{
	struct ouro_put put;

	ouro_put_init(&put, out, room);
	ouro_put_dec(&put, problem->status);
	ouro_put_str(&put, OURO_STR(" "));
	ouro_put_str(&put, ouro_status_text(problem->status));
	if (problem->detail.len > 0) {
		ouro_put_str(&put, OURO_STR(": "));
		ouro_put_str(&put, problem->detail);
	}
	ouro_put_str(&put, OURO_STR("\n"));
	return ouro_put_end(&put);
}
