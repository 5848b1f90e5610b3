/* `ouro bench`: what its files know of each other. */
#ifndef OURO_CLI_BENCH_H
#define OURO_CLI_BENCH_H

#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { BENCH_ROUNDS_MAX = 100, BENCH_TEXT_BYTES = 16384, BENCH_WHY_BYTES = 256 };

/* Requests on a connection at once, where they are pipelined. */
enum { BENCH_DEPTH = 16 };

enum bench_backend { BENCH_URING, BENCH_EPOLL, BENCH_BACKEND_COUNT };
enum bench_setting { BENCH_KEEP_ALIVE, BENCH_PIPELINED, BENCH_CLOSE, BENCH_SETTING_COUNT };
enum bench_tool { BENCH_WRK, BENCH_H2LOAD, BENCH_TOOL_COUNT };

extern const char *const bench_backend_names[BENCH_BACKEND_COUNT];
extern const char *const bench_setting_names[BENCH_SETTING_COUNT];
extern const char *const bench_tool_names[BENCH_TOOL_COUNT];

struct bench_options {
	bool backends[BENCH_BACKEND_COUNT]; /* those that were asked for */
	int tool;                           /* enum bench_tool; -1: whichever is there */
	uint32_t connections;
	uint32_t seconds; /* of one run */
	uint32_t rounds;
	uint32_t threads; /* of the server */
	bool json;
};

/* Reads the flags in @argv (without the command) into @options, which gets the defaults first. 0, or
 * -EINVAL after a message on standard error. */
int bench_parse_options(int argc, char **argv, struct bench_options *options);

/* ---- Children ---- */

/* A program that runs for us, and dies with us. */
struct bench_child {
	pid_t pid;                   /* 0: none */
	int out;                     /* what it prints; -1 once that has ended */
	char text[BENCH_TEXT_BYTES]; /* the end of it, a C string */
	size_t len;
};

/* Signals that end the command are only read from @fd until bench_signals_restore(), and @number is
 * then the one that came; children get them as ever. */
struct bench_signals {
	int fd;
	int number;
	sigset_t before;
};

/* 0 or a negative errno. */
int bench_signals_take(struct bench_signals *signals);
/* Ends the process by the signal that came, if one did. */
void bench_signals_restore(struct bench_signals *signals);

/* Starts the program at @argv[0] on @cpus (NULL: on all). What it writes to standard error is read, and
 * standard output too where it @prints. 0 or a negative errno; that the program cannot be run is among
 * what it prints. */
int bench_child_start(struct bench_child *child, char *const argv[], const cpu_set_t *cpus,
		      bool prints, const struct bench_signals *signals);

/* Reads what any of @children has printed, once there is something. 0, -EINTR (a signal has come) or
 * -ETIMEDOUT after @timeout_ms. */
int bench_children_read(struct bench_child *const *children, size_t count,
			struct bench_signals *signals, int timeout_ms);

/* Waits for the end of @child, which has closed what it prints to; its exit code, or 128 and more. */
int bench_child_wait(struct bench_child *child);

/* Ends @child, if there is one: asks it to, and kills it where that does not help. */
void bench_child_end(struct bench_child *child);

/* ---- Figures ---- */

/* What one run came to. Times in microseconds are closed-loop, as the tool says; -1: it does not. */
struct bench_run {
	double requests, rate; /* the latter per second */
	double errors;
	double latency_us[2];    /* wrk: p50 and p99; h2load: mean and the largest */
	double user_s, system_s; /* of the server */
};

/* The CPU time that a process has had. Its clock counts nanoseconds, but does not tell user space and the
 * kernel apart; ticks do, and are coarse. */
struct bench_cpu {
	double all_s, user_ticks, system_ticks;
};

/* 0 or a negative errno. */
int bench_cpu_read(pid_t pid, struct bench_cpu *cpu);
/* Sets @run's times to what was used between the two. */
void bench_cpu_between(const struct bench_cpu *before, const struct bench_cpu *after,
		       struct bench_run *run);

/* ---- The tools ---- */

/* Finds the tool that @options name, or whichever is there; its path goes into @path. Sets
 * options->tool. 0, or -ENOENT after a message. */
int bench_tool_find(struct bench_options *options, char *path, size_t path_bytes);

/* What is to be run, as arguments that point into it. */
struct bench_command {
	char *argv[24];
	int argc;
	char numbers[4][16], url[64], script_path[32];
	int script; /* a file in memory, which the tool reads; -1: none */
};

/* 0 or a negative errno. */
int bench_command_init(struct bench_command *command, const struct bench_options *options,
		       const char *path, enum bench_setting setting, int port, int tool_cpus);
void bench_command_fini(struct bench_command *command);

/* Reads what the tool has printed. 0, or -EPROTO where it is not what it should be. */
int bench_tool_read(enum bench_tool tool, enum bench_setting setting, const char *text,
		    struct bench_run *run);

/* ---- The report ---- */

struct bench_results {
	struct bench_options options;
	cpu_set_t server_cpus, tool_cpus;
	bool pinned;                        /* server and tool have different CPUs */
	bool measured[BENCH_BACKEND_COUNT]; /* those that could be had ... */
	/* ... and why others could not, of those asked for */
	char why_not[BENCH_BACKEND_COUNT][BENCH_WHY_BYTES];
	struct bench_run runs[BENCH_SETTING_COUNT][BENCH_BACKEND_COUNT][BENCH_ROUNDS_MAX];
};

/* Requests that went wrong, in all runs. */
double bench_error_count(const struct bench_results *results);

void bench_print_table(const struct bench_results *results);
/* 0 or -ENOMEM. */
int bench_print_json(const struct bench_results *results);

#endif
