/* Opcodes and close codes (RFC 6455, 5.2 and 7.4) as they are on the wire. */
#ifndef OURO_WS_CODE_H
#define OURO_WS_CODE_H

#include <stdbool.h>
#include <stdint.h>

enum ouro_ws_opcode {
	OURO_WS_CONTINUATION = 0,
	OURO_WS_TEXT = 1,
	OURO_WS_BINARY = 2,
	OURO_WS_CLOSE = 8,
	OURO_WS_PING = 9,
	OURO_WS_PONG = 10,
};

enum ouro_ws_code {
	OURO_WS_CODE_NORMAL = 1000,
	OURO_WS_CODE_GOING_AWAY = 1001,
	OURO_WS_CODE_PROTOCOL_ERROR = 1002,
	OURO_WS_CODE_UNSUPPORTED = 1003,
	OURO_WS_CODE_NONE = 1005,     /* never sent: the peer gave no code */
	OURO_WS_CODE_ABNORMAL = 1006, /* never sent: the connection went without a close */
	OURO_WS_CODE_BAD_DATA = 1007,
	OURO_WS_CODE_POLICY = 1008,
	OURO_WS_CODE_TOO_BIG = 1009,
	OURO_WS_CODE_INTERNAL = 1011,
	OURO_WS_CODE_RESTART = 1012, /* 1012..1014: registered with IANA since */
	OURO_WS_CODE_TRY_LATER = 1013,
	OURO_WS_CODE_BAD_GATEWAY = 1014,
};

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
