/* The ouro command: what its files know of each other. */
#ifndef OURO_CLI_H
#define OURO_CLI_H

#include <ouro.h>

/* What the command line said. */
struct cli_options {
	struct ouro_options server; /* first */
	const char *root;           /* a directory to serve; NULL: none */
	struct ouro_files_options files;
	const char *const *more_listen; /* --listen beyond the first */
	int more_listen_count;
};

/* Reads the flags in @argv (without the command) into @options. 0, or -EINVAL after a message on
 * standard error that says what to write instead. */
int cli_parse_options(int argc, char **argv, struct cli_options *options);

/* Prints the flags with their defaults. */
void cli_print_options(void);

/* `ouro bench` with the flags in @argv; the exit code. */
int cli_bench(int argc, char **argv);

/* Prints its flags with their defaults. */
void cli_print_bench_options(void);

/* Adds the demo's routes, with the files of options->root. 0 or a negative errno. */
int cli_add_demo(struct ouro_server *server, const struct cli_options *options);

/* The query parameter @name (a C string) as a number up to @max, 0 where there is none. False where it is
 * something else: @value is then untouched. */
bool cli_query_number(struct ouro_ctx *ctx, const char *name, unsigned max, unsigned *value);

/* The demo's page: cli/page.html as it was when the command was built. */
extern const unsigned char cli_demo_page[];
extern const size_t cli_demo_page_len;

#endif
