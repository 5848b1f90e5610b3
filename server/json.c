/* JSON in and out, by yyjson, in the memory of the exchange. */
#include "base/str.h"
#include "server/server_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <yyjson.h>

enum { JSON_DEPTH_MAX = 128, FAULT_BYTES = 160 };

static void *json_malloc(void *arg, size_t bytes)
{
	return ouro_arena_alloc(arg, bytes);
}

static void *json_realloc(void *arg, void *memory, size_t old_bytes, size_t bytes)
{
	void *larger = ouro_arena_alloc(arg, bytes);

	if (larger)
		memcpy(larger, memory, old_bytes < bytes ? old_bytes : bytes);
	return larger;
}

/* It all goes with the exchange. */
static void json_free(void *arg, void *memory)
{
	(void)arg;
	(void)memory;
}

static yyjson_alc allocator(struct ouro_ctx *ctx)
{
	return (yyjson_alc){ json_malloc, json_realloc, json_free, &ctx->arena };
}

/* application/json, or a type whose structure is JSON (RFC 6839, 3.1). */
static bool is_json(struct ouro_str content_type)
{
	const char *end = content_type.ptr ? memchr(content_type.ptr, ';', content_type.len) : NULL;
	struct ouro_str type = content_type;

	if (end)
		type.len = (size_t)(end - type.ptr);
	type = ouro_str_trim(type);
	if (ouro_str_eq_nocase(type, OURO_STR("application/json")))
		return true;
	return type.len > 5 &&
	       ouro_str_eq_nocase(ouro_str(type.ptr + type.len - 5, 5), OURO_STR("+json"));
}

/* Whether brackets are nested no deeper than what code that walks a document may be expected to bear.
 * yyjson itself has no such limit. */
static bool is_shallow(struct ouro_str text)
{
	size_t depth = 0;
	bool within = false;

	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];

		if (within && c == '\\')
			i++;
		else if (c == '"')
			within = !within;
		else if (!within && (c == '[' || c == '{') && ++depth > JSON_DEPTH_MAX)
			return false;
		else if (!within && (c == ']' || c == '}') && depth > 0)
			depth--;
	}
	return true;
}

static void note_fault(struct ouro_ctx *ctx, size_t at, const char *what)
{
	char *fault = ouro_arena_alloc(&ctx->arena, FAULT_BYTES);

	if (fault)
		snprintf(fault, FAULT_BYTES, "byte %zu: %s", at, what);
	ctx->json_fault = fault;
}

int ouro_body_json(struct ouro_ctx *ctx, struct yyjson_doc **doc)
{
	yyjson_alc alc = allocator(ctx);
	yyjson_read_err fault;
	struct ouro_str body;
	int err;

	if (!is_json(ouro_header_at(ctx, OURO_FIELD_CONTENT_TYPE)))
		return -EPROTONOSUPPORT;
	err = ouro_body(ctx, &body);
	if (err)
		return err;
	if (!is_shallow(body)) {
		note_fault(ctx, 0, "nested too deep");
		return -EBADMSG;
	}
	/* Without the flag to parse in place yyjson does not write to what it reads. */
	*doc = yyjson_read_opts((char *)(uintptr_t)body.ptr, body.len, YYJSON_READ_NOFLAG, &alc,
				&fault);
	if (*doc)
		return 0;
	if (fault.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION)
		return -ENOMEM;
	note_fault(ctx, fault.pos, fault.msg);
	return -EBADMSG;
}

const char *ouro_json_fault(const struct ouro_ctx *ctx)
{
	return ctx->json_fault;
}

struct yyjson_mut_doc *ouro_json_doc(struct ouro_ctx *ctx)
{
	yyjson_alc *alc = ouro_arena_alloc(&ctx->arena, sizeof(*alc));

	if (!alc)
		return NULL;
	*alc = allocator(ctx);
	return yyjson_mut_doc_new(alc);
}

int ouro_json(struct ouro_ctx *ctx, unsigned status, struct yyjson_mut_doc *doc)
{
	yyjson_alc alc = allocator(ctx);
	yyjson_write_err fault;
	size_t len;
	char *text = yyjson_mut_write_opts(doc, YYJSON_WRITE_NOFLAG, &alc, &len, &fault);

	if (text)
		return ouro_send(ctx, status, "application/json", ouro_str(text, len));
	return fault.code == YYJSON_WRITE_ERROR_MEMORY_ALLOCATION ? -ENOMEM : -EINVAL;
}
