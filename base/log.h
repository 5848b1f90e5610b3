/* The log sink: one function that takes finished lines. */
#ifndef OURO_BASE_LOG_H
#define OURO_BASE_LOG_H

#include "ouro/base.h"
#include "ouro/log.h"

struct ouro_log {
	ouro_log_fn write; /* NULL: standard error */
	void *arg;
	enum ouro_log_level level; /* less important lines are dropped */
};

/* Writes one line, without its line end; cut at 1023 characters. Any thread. */
void ouro_log(const struct ouro_log *log, enum ouro_log_level level, const char *format, ...)
	OURO_PRINTF(3, 4);

#endif
