/* wslay as the judge of what a client sends. It is shown frame heads, those of data frames as if
 * their payload were empty, and whole control frames; it knows what may follow what, which bits and
 * opcodes there are, and answers pings and closes. Payload of data frames never passes through it:
 * it would be copied into a buffer of wslay's and unmasked there a byte at a time.
 *
 * A context of wslay's takes some 9.4 KB. So they are leased: by a connection only from where there
 * is something to remember (a fragmented message, part of a head, a close) to where there is not.
 * Each loop has a pool of its own. */
#ifndef OURO_WS_MACHINE_H
#define OURO_WS_MACHINE_H

#include "ouro/base.h"
#include "ws/code.h"

#include <stddef.h>

enum {
	/* The largest unit that is judged: a control frame with a mask. */
	OURO_WS_UNIT_BYTES_MAX = 2 + 4 + OURO_WS_CONTROL_BYTES_MAX,
	/* The largest answer: a control frame without. */
	OURO_WS_ANSWER_BYTES_MAX = 2 + OURO_WS_CONTROL_BYTES_MAX,
};

struct ouro_ws_machine;

/* Zero but for the limits: empty. */
struct ouro_ws_machines {
	struct ouro_ws_machine *idle;
	uint32_t idle_count, used_count;
	uint32_t idle_max; /* kept beyond what is in use */
	uint32_t used_max; /* in use at once */
};

/* Frees those that are idle; none may be in use. */
void ouro_ws_machines_fini(struct ouro_ws_machines *machines);

/* One in its first state, which allows RSV1 (RFC 7692, 6) where @rsv1; NULL when @used_max are in
 * use or memory is short. */
struct ouro_ws_machine *ouro_ws_machine_lease(struct ouro_ws_machines *machines, bool rsv1);

/* Gives @machine back whatever its state; NULL is ignored. */
void ouro_ws_machine_release(struct ouro_ws_machines *machines, struct ouro_ws_machine *machine);

/* Whether there is nothing to remember. */
bool ouro_ws_machine_is_idle(const struct ouro_ws_machine *machine);

/* Room for a unit that is put together, OURO_WS_UNIT_BYTES_MAX, and how much is there. */
char *ouro_ws_machine_kept(struct ouro_ws_machine *machine, size_t **len);

enum ouro_ws_ruling {
	OURO_WS_RULED_DATA, /* the frame's payload may come */
	OURO_WS_RULED_PING, /* answered with the payload that is at @payload */
	OURO_WS_RULED_PONG,
	/* @code as received, OURO_WS_CODE_NONE without one; @payload: the reason. */
	OURO_WS_RULED_CLOSE,
	OURO_WS_RULED_BAD, /* to be closed with @code */
};

/* Not set for DATA. @payload and @answer point into the machine, until it judges again or is
 * released. */
struct ouro_ws_judgement {
	uint16_t code;
	struct ouro_str payload;
	struct ouro_str answer; /* a whole frame to be sent; absent: none */
};

/* Whether a frame that begins with these bytes is judged with its payload: a control frame that has
 * no fault so far. */
bool ouro_ws_machine_wants_payload(unsigned char first, unsigned char second);

/* Judges the unit of @len bytes at @unit: the head of a frame, with the payload where that is
 * wanted; of a control frame whose length or FIN is wrong, the first two bytes. Whether the length
 * of a data frame is written as it must be is the caller's business. After CLOSE and BAD nothing
 * more may be judged. */
enum ouro_ws_ruling ouro_ws_machine_judge(struct ouro_ws_machine *machine, const char *unit,
					  size_t len, struct ouro_ws_judgement *judgement);

/* The reason that came with a CLOSE, until the machine is released. */
struct ouro_str ouro_ws_machine_reason(const struct ouro_ws_machine *machine);

#endif
