/* Replays fixed series of requests through the whole server on the simulated backend, for callgrind to
 * count what each takes. Nothing in it depends on time, on chance or on addresses, so that the same
 * build takes the same number of instructions each time.
 *
 *     guard-replay [SCENARIO..]
 *
 * The first line that it prints says what was built how and on which processor it finds itself; one for
 * each scenario says how many requests were counted. What they took is in the profile that callgrind
 * writes for each, under the scenario's name. Without callgrind it only checks the answers. */
#include "bench/guard/apart.h"
#include "bench/guard/scenarios.h"
#include "tests/server/site.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <valgrind/callgrind.h>
#ifdef __GLIBC__
#include <gnu/libc-version.h>
#endif

enum { WARM_UP = 200, COUNTED = 1000, TURNS_MAX = 100, WAIT_US = 100, WAITS_MAX = 100000 };

/* What runs a scenario: one connection after the other, or one for all. */
struct replay {
	const struct scenario *scenario;
	struct site site;
	struct sim_peer *peer;
	char *answer; /* what came back to the first input, and must each time */
	size_t answer_len;
};

static void __attribute__((noreturn)) give_up(const struct replay *replay, const char *why)
{
	struct ouro_str got = sim_peer_received(replay->peer);

	fprintf(stderr, "guard: %s: %s: %.*s\n", replay->scenario->name, why, (int)got.len,
		got.ptr);
	exit(EXIT_FAILURE);
}

static void say(struct replay *replay, const char *text)
{
	sim_peer_forget(replay->peer);
	if (!sim_peer_say(replay->peer, text))
		give_up(replay, "the connection is closed");
}

static void open_connection(struct replay *replay)
{
	replay->peer = site_connect(&replay->site);
	if (replay->scenario->opening)
		site_ask(&replay->site, replay->peer, replay->scenario->opening);
}

/* The answer to the first input: what all others are compared with. */
static void learn_answer(struct replay *replay)
{
	const struct scenario *scenario = replay->scenario;
	size_t begins = strlen(scenario->begins), ends = strlen(scenario->ends);
	struct ouro_str got;

	say(replay, scenario->input);
	sim_settle(replay->site.loop);
	/* A file is looked for by another thread the first time. */
	for (int i = 0; i < WAITS_MAX && sim_peer_received(replay->peer).len == 0; i++) {
		usleep(WAIT_US);
		sim_settle(replay->site.loop);
	}
	got = sim_peer_received(replay->peer);
	if (got.len < begins || memcmp(got.ptr, scenario->begins, begins) != 0 || got.len < ends ||
	    memcmp(got.ptr + got.len - ends, scenario->ends, ends) != 0)
		give_up(replay, "another answer than was expected");
	replay->answer = malloc(got.len);
	if (!replay->answer)
		give_up(replay, "out of memory");
	memcpy(replay->answer, got.ptr, got.len);
	replay->answer_len = got.len;
}

static bool is_done(const struct replay *replay)
{
	return sim_peer_received(replay->peer).len >= replay->answer_len &&
	       (!replay->scenario->reconnects || sim_peer_is_over(replay->peer));
}

/* One input and its answer, which is counted as it is asked for. */
static void ask_counted(struct replay *replay)
{
	struct ouro_str got;

	if (replay->scenario->reconnects)
		replay->peer = sim_connect(replay->site.sim);
	say(replay, replay->scenario->input);
	for (int turns = 0; !is_done(replay); turns++) {
		if (turns == TURNS_MAX)
			give_up(replay, "no whole answer");
		apart_turn(replay->site.loop);
	}
	got = sim_peer_received(replay->peer);
	if (got.len != replay->answer_len || memcmp(got.ptr, replay->answer, got.len) != 0)
		give_up(replay, "another answer than before");
}

static void run(const struct scenario *scenario)
{
	struct replay replay = { .scenario = scenario };

	site_open_with(&replay.site, NULL, NULL, scenario->set_up);
	open_connection(&replay);
	learn_answer(&replay);
	apart_begin(replay.site.loop);
	for (int i = 0; i < WARM_UP; i++)
		ask_counted(&replay);
	CALLGRIND_ZERO_STATS;
	for (int i = 0; i < COUNTED; i++)
		ask_counted(&replay);
	CALLGRIND_DUMP_STATS_AT(scenario->name);
	apart_end(replay.site.loop);
	sim_settle(replay.site.loop);
	printf("{\"scenario\": \"%s\", \"requests\": %u}\n", scenario->name,
	       COUNTED * scenario->requests);
	site_close(&replay.site);
	free(replay.answer);
}

/* ---- What it is ---- */

static const char *processor_level(void)
{
#ifdef __x86_64__
	if (__builtin_cpu_supports("avx512f"))
		return "avx512f";
	if (__builtin_cpu_supports("avx2"))
		return "avx2";
	if (__builtin_cpu_supports("avx"))
		return "avx";
	if (__builtin_cpu_supports("sse4.2"))
		return "sse4.2";
#endif
	return "baseline";
}

static void print_about(void)
{
	struct utsname machine;

#ifdef __GLIBC__
	const char *libc = "glibc", *libc_version = gnu_get_libc_version();
#else
	const char *libc = "libc", *libc_version = "unknown";
#endif
	if (uname(&machine))
		strcpy(machine.machine, "unknown");
	printf("{\"key\": \"%s, %s %s, %s %s\", \"build\": \"%s\"}\n", GUARD_COMPILER, libc,
	       libc_version, machine.machine, processor_level(), GUARD_BUILD);
}

/* ---- Which ---- */

static const struct scenario *find(const char *name)
{
	size_t count;
	const struct scenario *scenarios = scenarios_get(&count);

	for (size_t i = 0; i < count; i++)
		if (strcmp(scenarios[i].name, name) == 0)
			return &scenarios[i];
	return NULL;
}

int main(int argc, char **argv)
{
	size_t count;
	const struct scenario *scenarios = scenarios_get(&count);

	for (int i = 1; i < argc; i++)
		if (!find(argv[i])) {
			fprintf(stderr, "guard: there is no scenario '%s'; there are:", argv[i]);
			for (size_t j = 0; j < count; j++)
				fprintf(stderr, " %s", scenarios[j].name);
			fputs("\n", stderr);
			return 2;
		}
	print_about();
	if (argc > 1)
		for (int i = 1; i < argc; i++)
			run(find(argv[i]));
	else
		for (size_t i = 0; i < count; i++)
			run(&scenarios[i]);
	return fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}
