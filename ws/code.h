/* What is known of opcodes and close codes (RFC 6455, 5.2 and 7.4). */
#ifndef OURO_WS_CODE_H
#define OURO_WS_CODE_H

#include "ouro/ws.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	OURO_WS_CONTROL_BYTES_MAX = 125, /* payload of a control frame */
	OURO_WS_REASON_BYTES_MAX = OURO_WS_CONTROL_BYTES_MAX - 2,
};

static inline bool ouro_ws_opcode_is_control(unsigned opcode)
{
	return (opcode & 8) != 0;
}

/* Whether @code may be in a close frame: those of the RFC and of the registry but for the ones that
 * are never sent, 3000..3999 for libraries and 4000..4999 for applications. */
static inline bool ouro_ws_code_is_legal(unsigned code)
{
	return (code >= OURO_WS_CODE_NORMAL && code <= OURO_WS_CODE_BAD_GATEWAY && code != 1004 &&
		code != OURO_WS_CODE_NONE && code != OURO_WS_CODE_ABNORMAL) ||
	       (code >= 3000 && code <= 4999);
}

#endif
