/* The hash of topic names: SipHash-2-4 with a secret key, since clients may choose the names. */
#ifndef OURO_HUB_HASH_H
#define OURO_HUB_HASH_H

#include "base/str.h"

/* Aumasson and Bernstein, "SipHash: a fast short-input PRF" (2012). The key's bytes are taken as
 * little-endian words, as in the paper. */
uint64_t ouro_hub_hash(const uint64_t key[2], struct ouro_str str);

#endif
