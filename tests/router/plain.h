/* A matcher so plain that it is right, and games that the router must play as it does: tables and
 * requests made of few words, so that much overlaps. */
#ifndef OURO_TESTS_ROUTER_PLAIN_H
#define OURO_TESTS_ROUTER_PLAIN_H

#include <stddef.h>
#include <stdint.h>

/* What decides: bytes where there are some, zero behind them; else numbers from a seed. */
struct plain_source {
	const uint8_t *data;
	size_t len;
	uint64_t state;
};

unsigned plain_pick(struct plain_source *source, unsigned bound);

/* Makes a table and requests, and compares. Ends the process where answers differ. */
void plain_play(struct plain_source *source);

#endif
