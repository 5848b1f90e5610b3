/* The log sink: see base/log.h. */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

enum { LINE_BYTES_MAX = 1024 };

static const char *level_name(enum ouro_log_level level)
{
	switch (level) {
	case OURO_LOG_INFO:
		return "info";
	case OURO_LOG_WARNING:
		return "warning";
	case OURO_LOG_ERROR:
	case OURO_LOG_NOTHING:
		break;
	}
	return "error";
}

void ouro_log(const struct ouro_log *log, enum ouro_log_level level, const char *format, ...)
{
	char line[LINE_BYTES_MAX];
	va_list args;

	if (level < log->level)
		return;
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (log->write)
		log->write(log->arg, level, line);
	else
		fprintf(stderr, "ouro: %s: %s\n", level_name(level), line);
}
