/* The ouro command. */
#include "cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_usage(void)
{
	puts("usage: ouro demo [flags]     serve the demo until SIGTERM or Ctrl-C\n"
	     "       ouro routes [flags]   list the demo's routes\n"
	     "       ouro bench [flags]    measure the demo on both backends, by wrk or h2load\n"
	     "       ouro --features       what this kernel offers, and what is used\n"
	     "       ouro --version\n"
	     "       ouro --help\n"
	     "\n"
	     "flags of demo and routes (default):");
	cli_print_options();
	puts("\nOURO_BACKEND in the environment stands in for --backend.\n"
	     "\nflags of bench (default):");
	cli_print_bench_options();
}

static int print_features(void)
{
	struct ouro_feature_info features[32];
	const char *why;
	size_t count = ouro_features(features, sizeof(features) / sizeof(features[0]), &why);

	if (count == 0)
		printf("uring    no   %s; epoll is used\n", why);
	for (size_t i = 0; i < count; i++)
		printf("%-36s %-4s %s\n", features[i].name, features[i].present ? "yes" : "no",
		       features[i].effect);
	return EXIT_SUCCESS;
}

/* As usual among commands: 2 where it was not called as it must be. */
static int exit_code(int err)
{
	if (err)
		return err == -EINVAL ? 2 : EXIT_FAILURE;
	return EXIT_SUCCESS;
}

static int run_demo(const struct cli_options *options)
{
	struct ouro_server *server;
	int err = ouro_server_create(&server, &options->server);

	if (err)
		return err;
	err = cli_add_demo(server, options);
	for (int i = 0; !err && i < options->more_listen_count; i++)
		err = ouro_server_listen(server, options->more_listen[i]);
	if (!err)
		err = ouro_server_run(server);
	ouro_server_destroy(server);
	return err;
}

static void print_route(const struct ouro_route_info *route)
{
	printf("%-7s %-28s %s%s", route->method, route->pattern, route->place,
	       route->run_inline ? "  inline" : "");
	if (*route->host)
		printf("  host %s", route->host);
	if (*route->name)
		printf("  name %s", route->name);
	if (route->middleware_count)
		printf("  middleware %zu", route->middleware_count);
	puts(route->guarded ? "  guarded" : "");
}

static int print_routes(const struct cli_options *options)
{
	struct ouro_route_info *routes = NULL;
	struct ouro_server *server;
	ssize_t count = 0;
	int err = ouro_server_create(&server, &options->server);

	if (err)
		return err;
	err = cli_add_demo(server, options);
	if (!err)
		count = ouro_server_routes(server, NULL, 0);
	if (count > 0) {
		routes = calloc((size_t)count, sizeof(*routes));
		if (routes)
			count = ouro_server_routes(server, routes, (size_t)count);
	}
	for (ssize_t i = 0; routes && i < count; i++)
		print_route(&routes[i]);
	free(routes);
	ouro_server_destroy(server);
	return count < 0 ? (int)count : err;
}

static int list_routes(int argc, char **argv)
{
	struct cli_options options = { 0 };
	int err = cli_parse_options(argc, argv, &options);

	if (!err)
		err = print_routes(&options);
	free((void *)(uintptr_t)options.more_listen);
	return exit_code(err);
}

static int serve_demo(int argc, char **argv)
{
	struct cli_options options = { .server.compress = true };
	int err = cli_parse_options(argc, argv, &options);

	if (!err)
		err = run_demo(&options);
	free((void *)(uintptr_t)options.more_listen);
	return exit_code(err);
}

int main(int argc, char **argv)
{
	const char *command = argc > 1 ? argv[1] : "";

	for (int i = 2; i < argc; i++)
		if (strcmp(argv[i], "--help") == 0)
			command = "--help";
	if (strcmp(command, "demo") == 0)
		return serve_demo(argc - 2, argv + 2);
	if (strcmp(command, "routes") == 0)
		return list_routes(argc - 2, argv + 2);
	if (strcmp(command, "bench") == 0)
		return cli_bench(argc - 2, argv + 2);
	if (strcmp(command, "--features") == 0)
		return print_features();
	if (strcmp(command, "--version") == 0) {
		puts("ouro " OURO_VERSION);
		return EXIT_SUCCESS;
	}
	if (strcmp(command, "--help") == 0 || strcmp(command, "help") == 0) {
		print_usage();
		return EXIT_SUCCESS;
	}
	if (*command)
		fprintf(stderr, "ouro: unknown command '%s'\n\n", command);
	print_usage();
	return 2;
}
