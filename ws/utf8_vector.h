/* UTF-8 (RFC 3629) that is right, passed over by vectors. Private to ws/utf8.c, which finds where text is
 * wrong: here it is only seen that some of a block is. */
#ifndef OURO_WS_UTF8_VECTOR_H
#define OURO_WS_UTF8_VECTOR_H

#include <stddef.h>

/* Fewer bytes are not looked at. */
enum { OURO_WS_UTF8_BLOCK_BYTES = 32 };

/* How many of the @len bytes at @text, which begin with a character, are known to be whole characters.
 * At most three bytes and a block are left behind them where all of it is right; more where something is
 * wrong. Reads none but these bytes. 0 where the processor has no such vectors. */
size_t ouro_ws_utf8_pass(const unsigned char *text, size_t len);

#endif
