/* A request of HTTP and the answer to it, which is learned once and must be the same from then on.
 * */
#ifndef OURO_BENCH_LOAD_EXCHANGE_H
#define OURO_BENCH_LOAD_EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum exchange_kind { EXCHANGE_GET, EXCHANGE_POST, EXCHANGE_POST_CHUNKED };

struct exchange_options {
	enum exchange_kind kind;
	const char *path;
	unsigned body_bytes; /* of a POST */
	unsigned copies;     /* requests that are sent at once */
	bool close;          /* says so, and the server is to close */
	bool discard;        /* of the answer's body only the length is looked at */
};

struct exchange {
	char *request; /* all copies */
	size_t request_len;
	size_t one_len;      /* of a single one */
	uint64_t answer_len; /* head, body and what frames it */
	/* What every answer must equal, or begin with where bodies are dropped. */
	char *answer;
	size_t known_len;
	size_t date_at; /* the date's value, which may differ; known_len if there is none */
};

/* 0 or a negative errno. exchange_fini() is called in any case. */
int exchange_init(struct exchange *exchange, const struct exchange_options *opt);
void exchange_fini(struct exchange *exchange);

/* Asks once on @fd, which blocks. 0 or a negative errno; what is wrong with an answer is told on
 * stderr. */
int exchange_learn(struct exchange *exchange, const struct exchange_options *opt, int fd);

/* Whether @data may stand at @from in an answer. It is not longer than what is left of it. */
bool exchange_matches(const struct exchange *exchange, uint64_t from, const char *data, size_t len);

#endif
