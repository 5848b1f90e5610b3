/* The content codings that there are (RFC 9110, 8.4.1; br: RFC 7932, zstd: RFC 8878). */
#ifndef OURO_CODING_CODING_H
#define OURO_CODING_CODING_H

#include "ouro/base.h"

/* All of them are always there: what the libraries behind them need is needed to build at all.
 *
 * They stand in the order in which a server prefers them where a client does not mind, as browsers
 * never do. br comes first: its dictionary makes short texts smallest, and at the same speed long
 * ones too. zstd is quickest. gzip is what everything else knows. deflate is last: half of those
 * that sent it once meant zlib's format, as the RFC does, and half the bare one. */
enum ouro_coding {
	OURO_CODING_IDENTITY, /* as it is */
	OURO_CODING_BR,
	OURO_CODING_ZSTD,
	OURO_CODING_GZIP,
	OURO_CODING_DEFLATE, /* zlib's format (RFC 9110, 8.4.1.2) */
	OURO_CODING_COUNT,
};

/* The registered name, in lower case. Static. */
struct ouro_str ouro_coding_name(enum ouro_coding coding);

/* The coding called @name, in any case; "x-gzip" is gzip (RFC 9110, 8.4.1.3). OURO_CODING_COUNT
 * where there is none of that name. */
enum ouro_coding ouro_coding_find(struct ouro_str name);

#endif
