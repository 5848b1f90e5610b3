/* UTF-8 (RFC 3629) checked as it comes in: text may be cut anywhere, within a character too, and is
 * refused at the first byte that no valid text can have there. */
#ifndef OURO_WS_UTF8_H
#define OURO_WS_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where a piece of text ended. Zero: between two characters, as text begins and must end. */
enum { OURO_WS_UTF8_WHOLE = 0 };

/* Goes on from @state over @len bytes. False: the text is not UTF-8, whatever may follow (overlong
 * forms, surrogates, what is above U+10FFFF, stray bytes); @state must not be used any more. */
bool ouro_ws_utf8_feed(uint8_t *state, const char *data, size_t len);

#endif
