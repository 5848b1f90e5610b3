/* Sixty-four bytes at once, sorted into what matters in the head of a message: one bit a byte, the
 * first byte the lowest bit. All kernels give the same bits; which is taken is chosen at run time. */
#ifndef OURO_PROTO_CLASSIFY_H
#define OURO_PROTO_CLASSIFY_H

#include <stdbool.h>
#include <stdint.h>

enum { OURO_CLASSIFY_BYTES = 64 };

struct ouro_classes {
	uint64_t name;    /* letters, digits, hyphen, low line: what names of fields are made of */
	uint64_t blank;   /* no visible ASCII: the space, and all of @control */
	uint64_t control; /* neither visible ASCII nor the space */
};

/* Sorts the OURO_CLASSIFY_BYTES bytes at @at, and reads no other. */
typedef struct ouro_classes (*ouro_classify_fn)(const char *at);

struct ouro_classes ouro_classify_portable(const char *at);

/* As the above where the processor has none of these. */
struct ouro_classes ouro_classify_sse2(const char *at);
struct ouro_classes ouro_classify_avx2(const char *at);
struct ouro_classes ouro_classify_neon(const char *at);

/* Whether the processor has what ouro_classify_avx2() needs, which must not be called else. */
bool ouro_classify_has_avx2(void);

/* The fastest of them here. */
ouro_classify_fn ouro_classify_best(void);

#endif
