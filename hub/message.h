/* A message: made once, never changed, and held by as many loops, rings and writers as like to.
 * It is encoded once for each format, by whoever needs that first, and the encoding is the
 * message's.
 *
 * The count is atomic, other than an ouro_buf's: a loop that delivers a message wraps the bytes
 * in a buffer of its own, which stands for one reference (hub/loop.c). */
#ifndef OURO_HUB_MESSAGE_H
#define OURO_HUB_MESSAGE_H

#include "hub/id.h"

enum {
	OURO_HUB_FORMATS_MAX = 8,       /* the plain one included */
	OURO_HUB_FIELD_BYTES_MAX = 256, /* of event, id and key, each */
};

/* The format that is the data as it was published. */
enum { OURO_HUB_PLAIN = 0 };

enum ouro_hub_kind {
	OURO_HUB_TEXT, /* UTF-8, which whoever publishes answers for */
	OURO_HUB_BINARY,
};

/* What is published. Absent strings stay absent. */
struct ouro_hub_content {
	enum ouro_hub_kind kind;
	struct ouro_str data;
	struct ouro_str event; /* a name, for subscribers that tell events apart */
	/* The publisher's own id, which subscribers are told instead of the hub's and may come
	 * back with. Of several messages of a topic with the same one, those behind the oldest
	 * are given again then. */
	struct ouro_str id;
	struct ouro_str
		key; /* of the messages with one key, a slow subscriber needs the newest only */
};

struct ouro_hub_message;

/* Bytes of one format, allocated in one piece. */
struct ouro_hub_encoding {
	size_t len;
	char *bytes;
};

struct ouro_hub_format {
	/* Encodes @message into what ouro_hub_encoding_create() has given, whose @len may be made
	 * less. Empty: the message is not to be had in this format, which is not tried again. NULL:
	 * the same, or there is no memory. Any loop's thread, with what its loop was created with as
	 * @arg; two may encode the same message at once, and one of the results is dropped then. */
	struct ouro_hub_encoding *(*encode)(void *arg, const struct ouro_hub_message *message);
};

/* NULL when out of memory. */
struct ouro_hub_encoding *ouro_hub_encoding_create(size_t len);
void ouro_hub_encoding_destroy(struct ouro_hub_encoding *encoding);

/* Copies @content into a new message with one reference. 0; -ENOMEM; -EMSGSIZE where event, id
 * or key is longer than OURO_HUB_FIELD_BYTES_MAX, or the data than 32 bits count; -EINVAL for a
 * kind that is none. */
int ouro_hub_message_create(const struct ouro_hub_content *content,
			    struct ouro_hub_message **message);

/* Any thread. */
struct ouro_hub_message *ouro_hub_message_ref(struct ouro_hub_message *message);
void ouro_hub_message_unref(struct ouro_hub_message *message);

/* Lives as long as the message. */
const struct ouro_hub_content *ouro_hub_message_content(const struct ouro_hub_message *message);

/* Its id in its topic: zero until it is published. */
struct ouro_hub_id ouro_hub_message_stamp(const struct ouro_hub_message *message);

/* The publisher's id, or else the hub's, which is written at @out (OURO_HUB_ID_TEXT_MAX). */
struct ouro_str ouro_hub_message_id(const struct ouro_hub_message *message, char *out);

/* Before anybody else knows of the message. */
void ouro_hub_message_set_stamp(struct ouro_hub_message *message, struct ouro_hub_id stamp);

/* The memory that the message takes, encodings not counted. */
size_t ouro_hub_message_bytes(const struct ouro_hub_message *message);

/* The bytes in format number @format > 0, which @how encodes with @arg; they live as long as the
 * message. 0; -ENODATA: it is not to be had in that; -ENOMEM, or that as well. Any thread. */
int ouro_hub_message_encoded(struct ouro_hub_message *message, uint32_t format,
			     const struct ouro_hub_format *how, void *arg, struct ouro_str *bytes);

#endif
