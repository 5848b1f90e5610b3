/* The demo's /upload: says what a form with files holds, whatever its size, in constant memory. */
#include "cli/cli.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

enum { JSON_BYTES_FIRST = 1024 };

#define UPLOAD_BYTES_MAX (UINT64_C(1) << 30)

/* The answer as far as it goes; it is sent when all of the body was right. */
struct list {
	struct ouro_ctx *ctx;
	EVP_MD_CTX *hash;
	char *json;
	size_t len, room;
	bool failed; /* out of memory */
};

static void grow(struct list *list, size_t needed)
{
	size_t room = 2 * list->room > needed ? 2 * list->room : needed;
	char *json;

	room = room > JSON_BYTES_FIRST ? room : JSON_BYTES_FIRST;
	json = ouro_alloc(list->ctx, room);
	if (!json) {
		list->failed = true;
		return;
	}
	if (list->len > 0)
		memcpy(json, list->json, list->len);
	list->json = json;
	list->room = room;
}

static void put(struct list *list, struct ouro_str text)
{
	if (!text.ptr)
		list->failed = true;
	else if (text.len > list->room - list->len)
		grow(list, list->len + text.len);
	if (list->failed)
		return;
	memcpy(list->json + list->len, text.ptr, text.len);
	list->len += text.len;
}

/* The member @key, which brings its punctuation; null where @value is absent. */
static void put_text(struct list *list, struct ouro_str key, struct ouro_str value)
{
	put(list, key);
	put(list, value.ptr ? ouro_json_string(list->ctx, value) : OURO_STR("null"));
}

static void put_part(struct list *list, const struct ouro_part *part, uint64_t bytes,
		     const unsigned char *digest, unsigned digest_len)
{
	char text[2 * EVP_MAX_MD_SIZE + 64];
	int len = snprintf(text, sizeof(text), ",\"size\":%llu,\"sha256\":\"",
			   (unsigned long long)bytes);

	for (unsigned i = 0; i < digest_len; i++)
		len += snprintf(text + len, sizeof(text) - (size_t)len, "%02x", digest[i]);
	put_text(list, list->len > 1 ? OURO_STR(",{\"name\":") : OURO_STR("{\"name\":"),
		 part->name);
	put_text(list, OURO_STR(",\"filename\":"), part->filename);
	put_text(list, OURO_STR(",\"content_type\":"), part->content_type);
	put(list, (struct ouro_str){ text, (size_t)len });
	put(list, OURO_STR("\"}"));
}

/* Reads @part to its end. 0 or a negative errno. */
static int take_part(struct list *list, const struct ouro_part *part)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	struct ouro_slice chunk;
	unsigned digest_len;
	uint64_t bytes = 0;
	ssize_t got;

	if (!EVP_DigestInit_ex(list->hash, EVP_sha256(), NULL))
		return -ENOMEM;
	/* A piece is never more than a receive buffer: no other request waits long for its hash. */
	while ((got = ouro_part_read(list->ctx, &chunk)) > 0) {
		EVP_DigestUpdate(list->hash, chunk.ptr, chunk.len);
		bytes += chunk.len;
	}
	if (got < 0)
		return (int)got;
	if (!EVP_DigestFinal_ex(list->hash, digest, &digest_len))
		return -ENOMEM;
	put_part(list, part, bytes, digest, digest_len);
	return list->failed ? -ENOMEM : 0;
}

static int take_parts(struct list *list)
{
	struct ouro_part part;
	int step = 0, err = 0;

	put(list, OURO_STR("["));
	while (!err && (step = ouro_multipart_next(list->ctx, &part)) > 0)
		err = take_part(list, &part);
	put(list, OURO_STR("]"));
	if (!err && step < 0)
		err = step;
	return !err && list->failed ? -ENOMEM : err;
}

static void free_hash(void *hash)
{
	EVP_MD_CTX_free(hash);
}

static void upload(struct ouro_ctx *ctx)
{
	struct list list = { .ctx = ctx, .hash = EVP_MD_CTX_new() };
	int err = list.hash ? ouro_defer(ctx, free_hash, list.hash) : -ENOMEM;

	if (!err)
		err = take_parts(&list);
	if (err)
		ouro_reject(ctx, err);
	else
		ouro_send(ctx, 200, "application/json", (struct ouro_str){ list.json, list.len });
}
OURO_POST("/upload", upload, OURO_BODY_MAX(UPLOAD_BYTES_MAX));
