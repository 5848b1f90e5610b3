/* Messages and their encodings: see hub/message.h. */
#include "hub/message.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

struct ouro_hub_message {
	atomic_uint_least32_t refs;
	struct ouro_hub_id stamp;
	struct ouro_hub_content content; /* points behind the struct */
	size_t bytes;
	/* Of format i at i - 1; NULL until somebody needed it. */
	_Atomic(struct ouro_hub_encoding *) encodings[OURO_HUB_FORMATS_MAX - 1];
};

struct ouro_hub_encoding *ouro_hub_encoding_create(size_t len)
{
	struct ouro_hub_encoding *encoding;

	if (len > SIZE_MAX - sizeof(*encoding))
		return NULL;
	encoding = malloc(sizeof(*encoding) + len);
	if (!encoding)
		return NULL;
	encoding->len = len;
	encoding->bytes = (char *)(encoding + 1);
	return encoding;
}

void ouro_hub_encoding_destroy(struct ouro_hub_encoding *encoding)
{
	free(encoding);
}

static struct ouro_str copy(struct ouro_str str, char **at)
{
	struct ouro_str here = ouro_str(str.ptr ? *at : NULL, str.len);

	if (str.len > 0)
		memcpy(*at, str.ptr, str.len);
	*at += str.len;
	return here;
}

static int check(const struct ouro_hub_content *content)
{
	if (content->kind != OURO_HUB_TEXT && content->kind != OURO_HUB_BINARY)
		return -EINVAL;
	if (content->event.len > OURO_HUB_FIELD_BYTES_MAX ||
	    content->id.len > OURO_HUB_FIELD_BYTES_MAX ||
	    content->key.len > OURO_HUB_FIELD_BYTES_MAX || content->data.len > UINT32_MAX)
		return -EMSGSIZE;
	return 0;
}

int ouro_hub_message_create(const struct ouro_hub_content *content,
			    struct ouro_hub_message **message)
{
	size_t bytes = sizeof(**message) + content->event.len + content->id.len + content->key.len +
		       content->data.len;
	struct ouro_hub_message *made;
	int err = check(content);
	char *at;

	if (err)
		return err;
	/* One more, so that an empty string that is present points into the message too. */
	made = malloc(bytes + 1);
	if (!made)
		return -ENOMEM;
	at = (char *)(made + 1);
	atomic_init(&made->refs, 1);
	made->stamp = (struct ouro_hub_id){ 0 };
	made->bytes = bytes;
	made->content = (struct ouro_hub_content){
		.kind = content->kind,
		.event = copy(content->event, &at),
		.id = copy(content->id, &at),
		.key = copy(content->key, &at),
		.data = copy(content->data, &at),
	};
	for (size_t i = 0; i < OURO_HUB_FORMATS_MAX - 1; i++)
		atomic_init(&made->encodings[i], NULL);
	*message = made;
	return 0;
}

struct ouro_hub_message *ouro_hub_message_ref(struct ouro_hub_message *message)
{
	atomic_fetch_add_explicit(&message->refs, 1, memory_order_relaxed);
	return message;
}

void ouro_hub_message_unref(struct ouro_hub_message *message)
{
	/* Whatever was done with the message is done before it is freed. */
	if (!message || atomic_fetch_sub_explicit(&message->refs, 1, memory_order_acq_rel) > 1)
		return;
	for (size_t i = 0; i < OURO_HUB_FORMATS_MAX - 1; i++)
		ouro_hub_encoding_destroy(
			atomic_load_explicit(&message->encodings[i], memory_order_relaxed));
	free(message);
}

const struct ouro_hub_content *ouro_hub_message_content(const struct ouro_hub_message *message)
{
	return &message->content;
}

struct ouro_hub_id ouro_hub_message_stamp(const struct ouro_hub_message *message)
{
	return message->stamp;
}

struct ouro_str ouro_hub_message_id(const struct ouro_hub_message *message, char *out)
{
	if (message->content.id.ptr)
		return message->content.id;
	return ouro_str(out, ouro_hub_id_write(message->stamp, out));
}

void ouro_hub_message_set_stamp(struct ouro_hub_message *message, struct ouro_hub_id stamp)
{
	message->stamp = stamp;
}

size_t ouro_hub_message_bytes(const struct ouro_hub_message *message)
{
	return message->bytes;
}

int ouro_hub_message_encoded(struct ouro_hub_message *message, uint32_t format,
			     const struct ouro_hub_format *how, void *arg, struct ouro_str *bytes)
{
	_Atomic(struct ouro_hub_encoding *) *slot = &message->encodings[format - 1];
	struct ouro_hub_encoding *encoding, *first = NULL;

	assert(format > OURO_HUB_PLAIN && format < OURO_HUB_FORMATS_MAX);
	encoding = atomic_load_explicit(slot, memory_order_acquire);
	if (!encoding) {
		encoding = how->encode(arg, message);
		if (!encoding)
			return -ENOMEM;
		/* Another loop may have been first: its bytes may be on their way already. */
		if (!atomic_compare_exchange_strong_explicit(slot, &first, encoding,
							     memory_order_acq_rel,
							     memory_order_acquire)) {
			ouro_hub_encoding_destroy(encoding);
			encoding = first;
		}
	}
	if (encoding->len == 0)
		return -ENODATA;
	*bytes = ouro_str(encoding->bytes, encoding->len);
	return 0;
}
