/* Where the engine's own log lines go. */
#ifndef OURO_LOG_H
#define OURO_LOG_H

#ifdef __cplusplus
extern "C" {
#endif

enum ouro_log_level {
	OURO_LOG_INFO, /* the default: starts, stops, fall-backs */
	OURO_LOG_WARNING,
	OURO_LOG_ERROR,
	OURO_LOG_NOTHING, /* as a level to keep: no line at all */
};

/* Takes one line of text, NUL-terminated, without a line end. @line lives for the call. Called
 * from any of the server's threads, possibly from several at once. */
typedef void (*ouro_log_fn)(void *arg, enum ouro_log_level level, const char *line);

#ifdef __cplusplus
}
#endif

#endif
