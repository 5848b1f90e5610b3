/* Proactive negotiation: which of the representations that there are suits the client best
 * (RFC 9110, 12.4 and 12.5).
 *
 * @values are the values of the fields of that name, in order, @value_count of them; they count as
 * one list. Absent ones count as if they were not there. Of its elements the first
 * OURO_NEGOTIATE_ELEMENTS_MAX are looked at. Those that are malformed are skipped; where none is
 * left the client has no wishes and the answer is the first offer. A weight of 0 excludes.
 *
 * @offers are in the server's own order of preference, which decides between equals. The answer is
 * an index into them, or -1 where none is acceptable, or none is offered. */
#ifndef OURO_PROTO_NEGOTIATE_H
#define OURO_PROTO_NEGOTIATE_H

#include "ouro/base.h"

#include <stddef.h>

#define OURO_NEGOTIATE_ELEMENTS_MAX 64

/* Accept. The most specific range that an offer falls under gives its weight (the type itself,
 * then all subtypes, then anything); of equal weights the offer that was named more precisely wins.
 * Parameters of ranges and of offers are not compared. */
int ouro_negotiate_type(const struct ouro_str *values, size_t value_count,
			const struct ouro_str *offers, size_t offer_count);

/* Accept-Encoding. The offer "identity" stands for no coding: where the client does not name it, it
 * is acceptable, though after all that it does name, unless "*;q=0" excludes it (12.5.3). "x-gzip"
 * is gzip and "x-compress" is compress. A client without wishes gets "identity" where it is
 * offered, since those that can decode say so; else the first offer where there is no field, and -1
 * where there is an empty one. */
int ouro_negotiate_encoding(const struct ouro_str *values, size_t value_count,
			    const struct ouro_str *offers, size_t offer_count);

/* Accept-Language. The longest range that an offer falls under gives its weight (basic filtering,
 * RFC 4647, 3.3.1: "de" takes de-AT); an offer that falls under none is still taken for a longer
 * range that it begins (as in lookup, 3.4: "en-GB" takes en), before "*". Serving something where
 * this says -1 is the caller's choice, and usual. */
int ouro_negotiate_language(const struct ouro_str *values, size_t value_count,
			    const struct ouro_str *offers, size_t offer_count);

#endif
