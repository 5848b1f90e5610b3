/* Request ids: 128 bits that tell one request from all others. */
#ifndef OURO_PROTO_REQUEST_ID_H
#define OURO_PROTO_REQUEST_ID_H

#include "ouro/base.h"

#include <stdbool.h>
#include <stdint.h>

/* In hexadecimal. */
#define OURO_REQUEST_ID_BYTES 32

/* Most bytes of an id that a client sends. */
#define OURO_REQUEST_ID_BYTES_MAX 128

/* Makes ids, for one thread. No two of one maker are the same; those of makers with random seeds
 * are not either, but for the odds of 128 bits. They can be predicted: they name, and do not prove
 * anything. */
struct ouro_request_ids {
	uint64_t count[2]; /* of 128 bits, the low half first; begins anywhere */
	uint64_t key[2];
};

/* Begins with @seed, of which the same ids come. */
void ouro_request_ids_init(struct ouro_request_ids *ids, const uint64_t seed[4]);

/* Begins with a seed from getrandom(2). 0, or what kept it from giving one. */
int ouro_request_ids_init_random(struct ouro_request_ids *ids);

/* Writes the next id at @out, OURO_REQUEST_ID_BYTES lower-case digits without a terminator. */
void ouro_request_ids_next(struct ouro_request_ids *ids, char *out);

/* Whether an id that a client sent may be taken over, into logs and responses: 1 to
 * OURO_REQUEST_ID_BYTES_MAX letters, digits and characters of "._-+/=:". */
bool ouro_request_id_is_valid(struct ouro_str id);

#endif
