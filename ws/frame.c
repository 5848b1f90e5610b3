/* Frames: see ws/frame.h.
 *
 * A unit is what is judged as a whole: the head of a data frame, or a control frame. One that lies
 * in the received bytes is judged there. One that comes in pieces is put together in a machine, so
 * that there is no room for it in each connection. */
#include "ws/frame.h"

#include "ws/mask.h"
#include "ws/utf8.h"

#include <assert.h>
#include <string.h>

/* Of a connection's receiving side. */
enum {
	IN_PAYLOAD = 1 << 0, /* of a data frame */
	LAST_FRAME = 1 << 1, /* of its message: FIN is set */
	COMPRESSED = 1 << 2,
	BEGUN = 1 << 3, /* a piece of the message was given out */
	ENDED = 1 << 4, /* closed or refused */
};

enum {
	OPCODE = 0x0f,
	MASKED = 0x80,
	LENGTH = 0x7f,
	LENGTH_16 = 126, /* the length follows in two bytes ... */
	LENGTH_64 = 127, /* ... in eight */
};

static size_t length_bytes(unsigned char length)
{
	if (length < LENGTH_16)
		return 0;
	return length == LENGTH_16 ? 2 : 8;
}

/* How long the unit is of which @len bytes are at @data: at least that, as far as they tell. */
static size_t unit_bytes(const unsigned char *data, size_t len)
{
	unsigned char length;
	size_t head;

	if (len < 2)
		return 2;
	length = data[1] & LENGTH;
	head = 2 + length_bytes(length) + (data[1] & MASKED ? OURO_WS_MASK_KEY_BYTES : 0);
	if (!ouro_ws_opcode_is_control(data[0] & OPCODE))
		return head;
	/* A control frame that is too long or a fragment is refused for its first two bytes. */
	if (length > OURO_WS_CONTROL_BYTES_MAX || !(data[0] & OURO_WS_FIN))
		return 2;
	return ouro_ws_machine_wants_payload(data[0], data[1]) ? head + length : head;
}

static uint64_t read_number(const unsigned char *at, size_t bytes)
{
	uint64_t number = 0;

	for (size_t i = 0; i < bytes; i++)
		number = number << 8 | at[i];
	return number;
}

/* The length in a data frame's head. False: it is not written in the shortest way, or its top bit
 * is set (RFC 6455, 5.2). */
static bool read_length(const unsigned char *head, uint64_t *length)
{
	size_t bytes = length_bytes(head[1] & LENGTH);

	if (bytes == 0) {
		*length = head[1] & LENGTH;
		return true;
	}
	*length = read_number(head + 2, bytes);
	return bytes == 2 ? *length >= LENGTH_16 : *length > UINT16_MAX && *length <= INT64_MAX;
}

static enum ouro_ws_item_kind refuse(struct ouro_ws_recv *recv, enum ouro_ws_code code,
				     struct ouro_ws_item *item)
{
	recv->facts |= ENDED;
	item->code = (uint16_t)code;
	return OURO_WS_ITEM_BAD;
}

/* How long a message of up to @bytes may be when it is compressed. Deflate makes noise longer: by a
 * bit in eight at worst, and some bytes for each flush. What it inflates to is counted later. */
static uint64_t deflated_bytes_max(uint64_t bytes)
{
	enum { SOME = 64 };

	return bytes < UINT64_MAX / 2 ? bytes + bytes / 4 + SOME : bytes;
}

/* Whether a frame of @length bytes, of the message that has begun, is within the limits. */
static bool is_within(const struct ouro_ws_recv *recv, const struct ouro_ws_rules *rules,
		      uint64_t length)
{
	uint64_t message_max = rules->message_bytes_max, frame_max;

	if (recv->facts & COMPRESSED)
		message_max = deflated_bytes_max(message_max);
	/* A frame may be a whole message, unless the limit of frames is a narrower one. */
	frame_max = rules->frame_bytes_max < rules->message_bytes_max ? rules->frame_bytes_max
								      : message_max;
	return length <= frame_max && recv->message_bytes <= message_max - length;
}

/* The machine says that the frame may come. MORE: so do the limits. */
static enum ouro_ws_item_kind begin_frame(struct ouro_ws_recv *recv,
					  const struct ouro_ws_rules *rules,
					  const unsigned char *head, size_t len,
					  struct ouro_ws_item *item)
{
	unsigned opcode = head[0] & OPCODE;
	uint64_t length;

	if (!read_length(head, &length))
		return refuse(recv, OURO_WS_CODE_PROTOCOL_ERROR, item);
	if (opcode != OURO_WS_CONTINUATION) {
		recv->opcode = (uint8_t)opcode;
		recv->message_bytes = 0;
		recv->utf8 = OURO_WS_UTF8_WHOLE;
		recv->facts = head[0] & OURO_WS_RSV1 ? COMPRESSED : 0;
	}
	if (!is_within(recv, rules, length))
		return refuse(recv, OURO_WS_CODE_TOO_BIG, item);
	recv->message_bytes += length;
	recv->left = length;
	memcpy(&recv->key, head + len - OURO_WS_MASK_KEY_BYTES, OURO_WS_MASK_KEY_BYTES);
	recv->facts |= IN_PAYLOAD;
	if (head[0] & OURO_WS_FIN)
		recv->facts |= LAST_FRAME;
	return OURO_WS_ITEM_MORE;
}

static bool lease(struct ouro_ws_recv *recv, const struct ouro_ws_rules *rules)
{
	if (!recv->machine)
		recv->machine = ouro_ws_machine_lease(rules->machines, recv->rsv1);
	return recv->machine != NULL;
}

static void release_idle(struct ouro_ws_recv *recv, const struct ouro_ws_rules *rules)
{
	if (!recv->machine || !ouro_ws_machine_is_idle(recv->machine))
		return;
	ouro_ws_machine_release(rules->machines, recv->machine);
	recv->machine = NULL;
}

static enum ouro_ws_item_kind judge(struct ouro_ws_recv *recv, const struct ouro_ws_rules *rules,
				    const char *unit, size_t len, struct ouro_ws_item *item)
{
	struct ouro_ws_judgement judgement;
	enum ouro_ws_ruling ruling = ouro_ws_machine_judge(recv->machine, unit, len, &judgement);

	if (ruling != OURO_WS_RULED_DATA) {
		item->code = judgement.code;
		item->payload = judgement.payload;
		item->answer = judgement.answer;
	}
	switch (ruling) {
	case OURO_WS_RULED_DATA:
		return begin_frame(recv, rules, (const unsigned char *)unit, len, item);
	case OURO_WS_RULED_PING:
		return OURO_WS_ITEM_PING;
	case OURO_WS_RULED_PONG:
		return OURO_WS_ITEM_PONG;
	case OURO_WS_RULED_CLOSE:
		recv->facts |= ENDED;
		return OURO_WS_ITEM_CLOSE;
	case OURO_WS_RULED_BAD:
		break;
	}
	return refuse(recv, judgement.code, item);
}

/* Adds to the unit that is being put together. False: it needs more than there is. */
static bool keep(struct ouro_ws_machine *machine, const char *data, size_t len, size_t *used)
{
	size_t *kept_len, need;
	char *kept = ouro_ws_machine_kept(machine, &kept_len);

	while ((need = unit_bytes((const unsigned char *)kept, *kept_len)) > *kept_len) {
		size_t take = need - *kept_len;

		if (*used == len)
			return false;
		if (take > len - *used)
			take = len - *used;
		memcpy(kept + *kept_len, data + *used, take);
		*kept_len += take;
		*used += take;
	}
	return true;
}

/* Takes a unit. MORE: it is a data frame's head, or it is not complete. */
static enum ouro_ws_item_kind take_unit(struct ouro_ws_recv *recv,
					const struct ouro_ws_rules *rules, const char *data,
					size_t len, size_t *used, struct ouro_ws_item *item)
{
	enum ouro_ws_item_kind kind;
	size_t *kept_len, need = unit_bytes((const unsigned char *)data, len);
	const char *kept;

	if (!lease(recv, rules))
		return refuse(recv, OURO_WS_CODE_TRY_LATER, item);
	kept = ouro_ws_machine_kept(recv->machine, &kept_len);
	if (*kept_len == 0 && len >= need) {
		*used = need;
		return judge(recv, rules, data, need, item);
	}
	if (!keep(recv->machine, data, len, used))
		return OURO_WS_ITEM_MORE;
	kind = judge(recv, rules, kept, *kept_len, item);
	*kept_len = 0;
	return kind;
}

static enum ouro_ws_item_kind take_payload(struct ouro_ws_recv *recv, char *data, size_t len,
					   size_t *used, struct ouro_ws_item *item)
{
	size_t take = len - *used < recv->left ? len - *used : (size_t)recv->left;
	char *payload = data + *used;
	bool ends_frame = take == recv->left;

	if (take == 0 && !ends_frame)
		return OURO_WS_ITEM_MORE;
	recv->key = ouro_ws_mask(payload, take, recv->key);
	recv->left -= take;
	*used += take;
	*item = (struct ouro_ws_item){
		.payload = { payload, take },
		.opcode = recv->opcode,
		.first = !(recv->facts & BEGUN),
		.last = ends_frame && (recv->facts & LAST_FRAME),
		.compressed = (recv->facts & COMPRESSED) != 0,
	};
	if (recv->opcode == OURO_WS_TEXT && !item->compressed &&
	    !ouro_ws_recv_check(recv, payload, take, item->last))
		return refuse(recv, OURO_WS_CODE_BAD_DATA, item);
	recv->facts |= BEGUN;
	if (ends_frame)
		recv->facts &= (uint8_t) ~(IN_PAYLOAD | LAST_FRAME);
	if (item->last)
		recv->opcode = 0;
	return OURO_WS_ITEM_PIECE;
}

enum ouro_ws_item_kind ouro_ws_recv_next(struct ouro_ws_recv *recv,
					 const struct ouro_ws_rules *rules, char *data, size_t len,
					 size_t *used, struct ouro_ws_item *item)
{
	enum ouro_ws_item_kind kind = OURO_WS_ITEM_MORE;

	assert(!(recv->facts & ENDED));
	*used = 0;
	release_idle(recv, rules); /* whose answer is sent by now */
	if (!(recv->facts & IN_PAYLOAD)) {
		if (len == 0)
			return OURO_WS_ITEM_MORE;
		kind = take_unit(recv, rules, data, len, used, item);
	}
	if (kind == OURO_WS_ITEM_MORE && (recv->facts & IN_PAYLOAD))
		kind = take_payload(recv, data, len, used, item);
	if (kind == OURO_WS_ITEM_MORE || kind == OURO_WS_ITEM_PIECE)
		release_idle(recv, rules);
	return kind;
}

bool ouro_ws_recv_is_idle(const struct ouro_ws_recv *recv)
{
	return !recv->machine && recv->opcode == 0 && !(recv->facts & IN_PAYLOAD);
}

bool ouro_ws_recv_check(struct ouro_ws_recv *recv, const char *text, size_t len, bool last)
{
	return ouro_ws_utf8_feed(&recv->utf8, text, len) &&
	       !(last && recv->utf8 != OURO_WS_UTF8_WHOLE);
}

void ouro_ws_recv_fini(struct ouro_ws_recv *recv, const struct ouro_ws_rules *rules)
{
	ouro_ws_machine_release(rules->machines, recv->machine);
	recv->machine = NULL;
}

size_t ouro_ws_write_head(char out[OURO_WS_HEAD_BYTES_MAX], unsigned first, uint64_t payload_bytes)
{
	size_t bytes = payload_bytes < LENGTH_16 ? 0 : payload_bytes <= UINT16_MAX ? 2 : 8;

	assert(payload_bytes <= INT64_MAX);
	out[0] = (char)first;
	if (bytes == 0) {
		out[1] = (char)payload_bytes;
		return 2;
	}
	out[1] = bytes == 2 ? LENGTH_16 : LENGTH_64;
	for (size_t i = 0; i < bytes; i++)
		out[2 + i] = (char)(payload_bytes >> 8 * (bytes - 1 - i));
	return 2 + bytes;
}
