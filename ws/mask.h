/* Masking of payload (RFC 6455, 5.3): each byte is combined with one of the four bytes of a key, in
 * turn. Undoing it is the same operation. It is done in place, with the widest words there are. */
#ifndef OURO_WS_MASK_H
#define OURO_WS_MASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { OURO_WS_MASK_KEY_BYTES = 4 };

/* Masks or unmasks @len bytes at @data, which need no alignment. @key: its four bytes as they lie
 * in the frame, loaded by memcpy(3); the first of them is for the first byte. Returns the key for
 * the byte behind, so that payload may come in pieces. */
uint32_t ouro_ws_mask(void *data, size_t len, uint32_t key);

/* The two that ouro_ws_mask() chooses from when it is first called, for tests and measuring. The
 * second must only be called where the processor has AVX2; elsewhere it is the first. */
uint32_t ouro_ws_mask_portable(void *data, size_t len, uint32_t key);
uint32_t ouro_ws_mask_avx2(void *data, size_t len, uint32_t key);
bool ouro_ws_mask_has_avx2(void);

#endif
