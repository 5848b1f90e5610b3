/* What a lookup costs: every path of a set is looked up once in turn, parameters extracted.
 * `router --print=SET` prints the routes and paths of a set, for the peers. */
#include <benchmark/benchmark.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

extern "C" {
#include "github_routes.h"
#include "router/router.h"
}

namespace
{

struct Set {
	std::string name;
	std::vector<std::string> patterns;
	std::vector<std::string> paths;
};

struct RouterDeleter {
	void operator()(ouro_router *router) const
	{
		ouro_router_destroy(router);
	}
};

struct ScratchDeleter {
	void operator()(ouro_router_scratch *scratch) const
	{
		ouro_router_scratch_destroy(scratch);
	}
};

using Router = std::unique_ptr<ouro_router, RouterDeleter>;
using Scratch = std::unique_ptr<ouro_router_scratch, ScratchDeleter>;

ouro_str view(const std::string &text)
{
	return { text.data(), text.size() };
}

Router create(const Set &set)
{
	Router router(ouro_router_create());
	char message[512];

	for (const std::string &pattern : set.patterns) {
		ouro_route_spec spec = {};

		spec.method = OURO_STR("GET");
		spec.pattern = view(pattern);
		if (ouro_router_add(router.get(), &spec, message, sizeof(message))) {
			std::fprintf(stderr, "%s\n", message);
			std::exit(1);
		}
	}
	if (ouro_router_compile(router.get(), message, sizeof(message))) {
		std::fprintf(stderr, "%s\n", message);
		std::exit(1);
	}
	return router;
}

/* GitHub's routes, as often as are wanted: again and again below another first segment. */
Set github(const std::string &name, size_t count)
{
	Set set = { name, {}, {} };

	for (size_t i = 0; set.patterns.size() < count; i++)
		for (const github_route &route : github_routes) {
			std::string prefix = i > 0 ? "/v" + std::to_string(i) : "";

			if (set.patterns.size() == count)
				break;
			set.patterns.push_back(prefix + route.pattern);
			set.paths.push_back(prefix + route.path);
		}
	return set;
}

/* Every fourth, so that all kinds of them are there. */
Set thirty()
{
	Set all = github("", sizeof(github_routes) / sizeof(github_routes[0]));
	Set set = { "30", {}, {} };

	for (size_t i = 0; set.patterns.size() < 30; i += 4) {
		set.patterns.push_back(all.patterns[i]);
		set.paths.push_back(all.paths[i]);
	}
	return set;
}

bool is_found(const ouro_router *router, const std::string &path)
{
	ouro_match_query query = {};
	ouro_match match;

	query.path = view(path);
	return ouro_router_match(router, &query, &match) != OURO_MATCH_NOT_FOUND;
}

/* The same paths gone wrong at their ends: in the last byte or, where a parameter takes that, by
 * one segment too many. */
Set misses(Set set, const std::string &name)
{
	Router router = create(set);

	for (std::string &path : set.paths) {
		std::string wrong = path.substr(0, path.size() - 1) + "~";

		path = is_found(router.get(), wrong) ? path + "/~" : wrong;
		if (is_found(router.get(), path))
			std::exit(1);
	}
	set.name = name;
	return set;
}

std::vector<Set> all_sets()
{
	const std::string beside[] = { "/a/b/c", "/users/{id}/posts" };
	size_t count = sizeof(github_routes) / sizeof(github_routes[0]);
	auto one = [&](const char *name, const char *pattern, const char *path) {
		return Set{ name, { pattern, beside[0], beside[1] }, { path } };
	};

	return {
		{ "1", { "/plaintext" }, { "/plaintext" } },
		thirty(),
		github("github", count),
		github("1000", 1000),
		misses(github("", count), "miss"),
		one("static", "/static/of/three", "/static/of/three"),
		one("param", "/users/{id}", "/users/18446"),
		one("params", "/repos/{owner}/{repo}/issues/{number}",
		    "/repos/torvalds/linux/issues/1347"),
		one("tail", "/files/{path...}", "/files/css/site/main.css"),
		one("regex", "/orders/{id:[0-9]+}", "/orders/18446"),
		one("typed", "/orders/{id:u64}", "/orders/18446"),
	};
}

void look_up(benchmark::State &state, const Set &set)
{
	Router router = create(set);
	Scratch scratch(ouro_router_scratch_create(router.get()));
	ouro_match_query query = {};
	ouro_match match;

	query.method = OURO_METHOD_GET;
	query.scratch = scratch.get();
	for (auto _ : state) {
		for (const std::string &path : set.paths) {
			query.path = view(path);
			benchmark::DoNotOptimize(ouro_router_match(router.get(), &query, &match));
			benchmark::DoNotOptimize(match);
		}
	}
	state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(set.paths.size()));
	state.counters["table_bytes"] = static_cast<double>(ouro_router_table_bytes(router.get()));
	state.counters["routes"] = static_cast<double>(set.patterns.size());
}

bool print(const std::string &name)
{
	for (const Set &set : all_sets()) {
		if (set.name != name)
			continue;
		for (const std::string &pattern : set.patterns)
			std::printf("route %s\n", pattern.c_str());
		for (const std::string &path : set.paths)
			std::printf("path %s\n", path.c_str());
		return true;
	}
	return false;
}

} // namespace

int main(int argc, char **argv)
{
	const std::string option = "--print=";

	if (argc == 2 && std::string(argv[1]).compare(0, option.size(), option) == 0)
		return print(argv[1] + option.size()) ? 0 : 1;
	for (const Set &set : all_sets())
		benchmark::RegisterBenchmark(set.name.c_str(), [set](benchmark::State &state) {
			look_up(state, set);
		});
	benchmark::Initialize(&argc, argv);
	if (benchmark::ReportUnrecognizedArguments(argc, argv))
		return 1;
	benchmark::RunSpecifiedBenchmarks();
	return 0;
}
