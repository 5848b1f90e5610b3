/* wslay as the judge: see ws/machine.h. */
#include "ws/machine.h"

#include "ws/mask.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <wslay/wslay.h>

struct ouro_ws_machine {
	struct ouro_ws_machine *next; /* while idle */
	wslay_event_context_ptr wslay;
	const char *unit; /* what wslay has not read yet */
	size_t unit_len;
	size_t kept_len;
	size_t answer_len;
	size_t payload_len;
	bool rsv1;
	bool fragmented; /* a message has begun and not ended */
	bool over;       /* closed or refused: this context judges nothing more */
	char kept[OURO_WS_UNIT_BYTES_MAX];
	char answer[OURO_WS_ANSWER_BYTES_MAX];
	char payload[OURO_WS_CONTROL_BYTES_MAX];
};

enum {
	FIN = 0x80,
	OPCODE = 0x0f,
	RESERVED_BITS = 0x70,
	MASKED = 0x80,
	LENGTH = 0x7f,
	HEAD_BYTES = 2 + OURO_WS_MASK_KEY_BYTES, /* of control frames */
};

static ssize_t on_read(wslay_event_context_ptr wslay, uint8_t *out, size_t room, int flags,
		       void *arg)
{
	struct ouro_ws_machine *machine = arg;
	size_t len = machine->unit_len < room ? machine->unit_len : room;

	(void)wslay;
	(void)flags;
	/* 0 is for now all there is: the error that goes with it stays none. */
	memcpy(out, machine->unit, len);
	machine->unit += len;
	machine->unit_len -= len;
	return (ssize_t)len;
}

static ssize_t on_write(wslay_event_context_ptr wslay, const uint8_t *data, size_t len, int flags,
			void *arg)
{
	struct ouro_ws_machine *machine = arg;

	(void)wslay;
	(void)flags;
	assert(machine->answer_len + len <= sizeof(machine->answer));
	memcpy(machine->answer + machine->answer_len, data, len);
	machine->answer_len += len;
	return (ssize_t)len;
}

static struct ouro_ws_machine *create(void)
{
	static const struct wslay_event_callbacks callbacks = {
		.recv_callback = on_read,
		.send_callback = on_write,
	};
	struct ouro_ws_machine *machine = malloc(sizeof(*machine));

	if (!machine)
		return NULL;
	memset(machine, 0, offsetof(struct ouro_ws_machine, kept));
	if (wslay_event_context_server_init(&machine->wslay, &callbacks, machine)) {
		free(machine);
		return NULL;
	}
	wslay_event_config_set_no_buffering(machine->wslay, 1);
	return machine;
}

static void destroy(struct ouro_ws_machine *machine)
{
	wslay_event_context_free(machine->wslay);
	free(machine);
}

void ouro_ws_machines_fini(struct ouro_ws_machines *machines)
{
	assert(machines->used_count == 0);
	while (machines->idle) {
		struct ouro_ws_machine *machine = machines->idle;

		machines->idle = machine->next;
		destroy(machine);
	}
	machines->idle_count = 0;
}

struct ouro_ws_machine *ouro_ws_machine_lease(struct ouro_ws_machines *machines, bool rsv1)
{
	struct ouro_ws_machine *machine = machines->idle;

	if (machines->used_count >= machines->used_max)
		return NULL;
	if (machine) {
		machines->idle = machine->next;
		machines->idle_count--;
	} else {
		machine = create();
		if (!machine)
			return NULL;
	}
	machines->used_count++;
	if (machine->rsv1 != rsv1) {
		machine->rsv1 = rsv1;
		wslay_event_config_set_allowed_rsv_bits(machine->wslay,
							rsv1 ? WSLAY_RSV1_BIT : WSLAY_RSV_NONE);
	}
	return machine;
}

bool ouro_ws_machine_is_idle(const struct ouro_ws_machine *machine)
{
	return !machine->fragmented && !machine->over && machine->kept_len == 0;
}

void ouro_ws_machine_release(struct ouro_ws_machines *machines, struct ouro_ws_machine *machine)
{
	if (!machine)
		return;
	assert(machines->used_count > 0);
	machines->used_count--;
	machine->kept_len = 0;
	/* There is no way back to wslay's first state from within a message or behind a close. */
	if (!ouro_ws_machine_is_idle(machine) || machines->idle_count >= machines->idle_max) {
		destroy(machine);
		return;
	}
	machine->next = machines->idle;
	machines->idle = machine;
	machines->idle_count++;
}

char *ouro_ws_machine_kept(struct ouro_ws_machine *machine, size_t **len)
{
	*len = &machine->kept_len;
	return machine->kept;
}

/* Runs wslay over @len bytes at @unit. 0, or the code to close with. */
static uint16_t run(struct ouro_ws_machine *machine, const char *unit, size_t len)
{
	int result;

	machine->unit = unit;
	machine->unit_len = len;
	result = wslay_event_recv(machine->wslay);
	if (result == 0 && wslay_event_get_read_enabled(machine->wslay))
		return 0;
	if (result == WSLAY_ERR_NOMEM)
		return OURO_WS_CODE_INTERNAL;
	/* For what it finds wrong with a frame as such wslay closes without a code; RFC 6455, 7.4.1
	 * has one. */
	if (result)
		return OURO_WS_CODE_PROTOCOL_ERROR;
	if (wslay_event_get_close_received(machine->wslay))
		return 0;
	machine->answer_len = 0;
	if (wslay_event_send(machine->wslay))
		return OURO_WS_CODE_INTERNAL;
	return wslay_event_get_status_code_sent(machine->wslay);
}

static enum ouro_ws_ruling refuse(struct ouro_ws_machine *machine, uint16_t code,
				  struct ouro_ws_judgement *judgement)
{
	machine->over = true;
	*judgement = (struct ouro_ws_judgement){ .code = code };
	return OURO_WS_RULED_BAD;
}

/* Has wslay write what it answers. False: it cannot. */
static bool take_answer(struct ouro_ws_machine *machine, struct ouro_ws_judgement *judgement)
{
	machine->answer_len = 0;
	if (wslay_event_send(machine->wslay))
		return false;
	judgement->answer = (struct ouro_str){ machine->answer, machine->answer_len };
	return true;
}

/* Data, or what has no right to be: wslay sees an empty frame. Of another it would want a byte of
 * payload before it judges the head. */
static enum ouro_ws_ruling judge_head(struct ouro_ws_machine *machine, const char *unit, size_t len,
				      struct ouro_ws_judgement *judgement)
{
	char head[HEAD_BYTES] = { unit[0], (char)(unit[1] & MASKED) };
	size_t head_len = 2;
	uint16_t code;

	/* The key has nothing to be used on, but a place. */
	if (unit[1] & MASKED) {
		memcpy(head + 2, unit + len - OURO_WS_MASK_KEY_BYTES, OURO_WS_MASK_KEY_BYTES);
		head_len += OURO_WS_MASK_KEY_BYTES;
	}
	code = run(machine, head, head_len);
	if (code)
		return refuse(machine, code, judgement);
	assert(machine->unit_len == 0);
	machine->fragmented = !(unit[0] & FIN);
	return OURO_WS_RULED_DATA;
}

static uint16_t code_at(const char *payload)
{
	return (uint16_t)((unsigned char)payload[0] << 8 | (unsigned char)payload[1]);
}

/* The code of a close with @len bytes of payload that wslay has accepted. The reason is left in the
 * machine. */
static uint16_t take_close_payload(struct ouro_ws_machine *machine, size_t len)
{
	uint16_t code = OURO_WS_CODE_NONE;

	machine->over = true;
	if (len >= 2) {
		code = code_at(machine->payload);
		machine->payload_len = len - 2;
		memmove(machine->payload, machine->payload + 2, machine->payload_len);
	}
	return code;
}

/* wslay 1.1.1 knows close codes up to 1011; what was registered with IANA since (1012..1014) it
 * would refuse. It is shown 1001 in their place, which differs in the low byte, and the answer gets
 * the code back. */
static bool is_disguised(uint16_t code)
{
	static_assert(OURO_WS_CODE_RESTART >> 8 == OURO_WS_CODE_GOING_AWAY >> 8 &&
			      OURO_WS_CODE_BAD_GATEWAY >> 8 == OURO_WS_CODE_GOING_AWAY >> 8,
		      "only the low byte is another");

	return code >= OURO_WS_CODE_RESTART && code <= OURO_WS_CODE_BAD_GATEWAY;
}

static enum ouro_ws_ruling judge_close(struct ouro_ws_machine *machine, char *shown, size_t len,
				       size_t payload_len, struct ouro_ws_judgement *judgement)
{
	bool disguised = payload_len >= 2 && is_disguised(code_at(machine->payload));
	uint16_t code;

	/* RFC 6455, 5.5.1: if there is a body, its first two bytes are a code. wslay takes one byte
	 * for a close without one. */
	if (payload_len == 1)
		return refuse(machine, OURO_WS_CODE_PROTOCOL_ERROR, judgement);
	if (disguised)
		shown[HEAD_BYTES + 1] = (char)(shown[HEAD_BYTES + 1] ^ machine->payload[1] ^
					       (OURO_WS_CODE_GOING_AWAY & 0xff));
	code = run(machine, shown, len);
	if (code || !take_answer(machine, judgement))
		return refuse(machine, code ? code : OURO_WS_CODE_INTERNAL, judgement);
	judgement->code = take_close_payload(machine, payload_len);
	if (disguised)
		machine->answer[3] = (char)(judgement->code & 0xff);
	judgement->payload = (struct ouro_str){ machine->payload, machine->payload_len };
	return OURO_WS_RULED_CLOSE;
}

/* A control frame, whole and masked. */
static enum ouro_ws_ruling judge_control(struct ouro_ws_machine *machine, const char *unit,
					 size_t len, struct ouro_ws_judgement *judgement)
{
	size_t payload_len = len - HEAD_BYTES;
	unsigned opcode = unit[0] & OPCODE;
	char shown[OURO_WS_UNIT_BYTES_MAX];
	uint32_t key;
	uint16_t code;

	assert(len >= HEAD_BYTES && len <= sizeof(shown));
	*judgement = (struct ouro_ws_judgement){ 0 };
	memcpy(shown, unit, len);
	memcpy(machine->payload, unit + len - payload_len, payload_len);
	machine->payload_len = payload_len;
	memcpy(&key, unit + 2, sizeof(key));
	ouro_ws_mask(machine->payload, payload_len, key);
	if (opcode == OURO_WS_CLOSE)
		return judge_close(machine, shown, len, payload_len, judgement);
	code = run(machine, shown, len);
	if (code)
		return refuse(machine, code, judgement);
	judgement->payload = (struct ouro_str){ machine->payload, payload_len };
	if (opcode == OURO_WS_PONG)
		return OURO_WS_RULED_PONG;
	if (!take_answer(machine, judgement))
		return refuse(machine, OURO_WS_CODE_INTERNAL, judgement);
	return OURO_WS_RULED_PING;
}

bool ouro_ws_machine_wants_payload(unsigned char first, unsigned char second)
{
	return (first & OPCODE) >= OURO_WS_CLOSE && (first & OPCODE) <= OURO_WS_PONG &&
	       !(first & RESERVED_BITS) && (second & MASKED);
}

enum ouro_ws_ruling ouro_ws_machine_judge(struct ouro_ws_machine *machine, const char *unit,
					  size_t len, struct ouro_ws_judgement *judgement)
{
	unsigned char first = (unsigned char)unit[0], second = (unsigned char)unit[1];

	assert(!machine->over && len >= 2);
	/* What wslay refuses for two bytes it must see as it is. */
	if (ouro_ws_opcode_is_control(first) &&
	    (!(first & FIN) || (second & LENGTH) > OURO_WS_CONTROL_BYTES_MAX))
		return refuse(machine, run(machine, unit, 2), judgement);
	if (ouro_ws_machine_wants_payload(first, second))
		return judge_control(machine, unit, len, judgement);
	return judge_head(machine, unit, len, judgement);
}

struct ouro_str ouro_ws_machine_reason(const struct ouro_ws_machine *machine)
{
	assert(machine->over);
	return (struct ouro_str){ machine->payload, machine->payload_len };
}
