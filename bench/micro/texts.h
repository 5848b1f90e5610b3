// What a unit and its peers work on.
#ifndef OURO_BENCH_MICRO_TEXTS_H
#define OURO_BENCH_MICRO_TEXTS_H

#include <benchmark/benchmark.h>
#include <cstdio>
#include <map>
#include <string>

// Runs the cases; or, for the peers, `micro-UNIT --print=NAME` writes the one of @texts that is called
// so. That is the name of the case, with dots for slashes.
inline int run_or_print(int argc, char **argv, const std::map<std::string, std::string> &texts)
{
	const std::string option = "--print=";

	if (argc == 2 && std::string(argv[1]).compare(0, option.size(), option) == 0) {
		auto found = texts.find(argv[1] + option.size());
		if (found == texts.end())
			return 1;
		fwrite(found->second.data(), 1, found->second.size(), stdout);
		return fflush(stdout) ? 1 : 0;
	}
	benchmark::Initialize(&argc, argv);
	if (benchmark::ReportUnrecognizedArguments(argc, argv))
		return 1;
	benchmark::RunSpecifiedBenchmarks();
	return 0;
}

#endif
