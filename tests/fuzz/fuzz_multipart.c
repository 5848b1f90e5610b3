/* Fuzz target of multipart/form-data. The first line of the input is a Content-Type, what follows is the
 * body.
 *
 * What must hold: the body is told the same whole, cut in two, and byte by byte; views lie within the
 * piece or the parser's delimiter; no more data is told than came, and none of it holds a delimiter. */
#include "base/str.h"
#include "proto/multipart.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INPUT_BYTES_MAX = 1 << 16, HEADER_BYTES_MAX = 512 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define EXPECT(fact)                                                                               \
	do {                                                                                       \
		if (!(fact)) {                                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #fact);                 \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

/* What was told of one body: events, names and data, one after the other. */
struct tale {
	size_t len;
	size_t data_at; /* where the data of the part begins */
	size_t data_bytes;
	char text[8 * INPUT_BYTES_MAX];
};

static void tell(struct tale *tale, struct ouro_str text)
{
	EXPECT(tale->len + text.len <= sizeof(tale->text));
	if (text.len > 0)
		memcpy(tale->text + tale->len, text.ptr, text.len);
	tale->len += text.len;
}

static bool is_inside(struct ouro_str view, const char *begin, size_t len)
{
	return view.ptr >= begin && view.len <= len && view.ptr + view.len <= begin + len;
}

static void tell_text(struct tale *tale, const struct ouro_param *param)
{
	char out[HEADER_BYTES_MAX];
	size_t len = ouro_multipart_text(param, out);

	EXPECT(len <= param->value.len);
	tell(tale, ouro_str(out, len));
	tell(tale, OURO_STR(";"));
}

static void tell_part(struct tale *tale, const struct ouro_multipart_parser *p)
{
	EXPECT(p->field_count <= OURO_MULTIPART_FIELDS_MAX);
	EXPECT(is_inside(p->name.value, p->header, p->header_len));
	tell(tale, OURO_STR("part:"));
	tell_text(tale, &p->name);
	if (p->filename.value.ptr)
		tell_text(tale, &p->filename);
	for (uint32_t i = 0; i < p->field_count; i++) {
		EXPECT(is_inside(p->fields[i].name, p->header, p->header_len));
		EXPECT(is_inside(p->fields[i].value, p->header, p->header_len));
		tell(tale, p->fields[i].name);
		tell(tale, p->fields[i].value);
	}
	tale->data_at = tale->len;
}

static void tell_end(struct tale *tale, const struct ouro_multipart_parser *p)
{
	EXPECT(!memmem(tale->text + tale->data_at, tale->len - tale->data_at, p->delimiter,
		       p->delimiter_len));
	tell(tale, OURO_STR(":end"));
}

static void tell_bad(struct tale *tale, const struct ouro_multipart_parser *p)
{
	char text[160];
	int len = snprintf(text, sizeof(text), "%d %llu %s", p->is_limit,
			   (unsigned long long)p->fault_at, p->reason);

	tell(tale, ouro_str(text, (size_t)len));
}

/* In memory of its own, so that the sanitizer sees who reads beyond it. Whether it goes on. */
static bool play_piece(struct tale *tale, struct ouro_multipart_parser *p, struct ouro_str bytes)
{
	char *copy = malloc(bytes.len + 1);
	struct ouro_str piece = ouro_str(copy, bytes.len), view = { 0 };
	enum ouro_multipart_event event;

	EXPECT(copy);
	if (bytes.len > 0)
		memcpy(copy, bytes.ptr, bytes.len);
	while ((event = ouro_multipart_parse(p, &piece, &view)) != OURO_MULTIPART_MORE &&
	       event != OURO_MULTIPART_BAD) {
		if (event == OURO_MULTIPART_PART) {
			tell_part(tale, p);
		} else if (event == OURO_MULTIPART_DATA) {
			EXPECT(view.len > 0);
			EXPECT(is_inside(view, copy, bytes.len) ||
			       is_inside(view, p->delimiter, p->delimiter_len));
			tell(tale, view);
			tale->data_bytes += view.len;
		} else {
			tell_end(tale, p);
		}
	}
	EXPECT(event == OURO_MULTIPART_BAD || piece.len == 0);
	free(copy);
	return event != OURO_MULTIPART_BAD;
}

static void play(struct tale *tale, struct ouro_str boundary, struct ouro_str body, size_t cut,
		 size_t step)
{
	struct ouro_multipart_parser *p = malloc(sizeof(*p));
	bool going;

	EXPECT(p);
	tale->len = tale->data_at = tale->data_bytes = 0;
	ouro_multipart_init(p, boundary, HEADER_BYTES_MAX);
	going = play_piece(tale, p, ouro_str(body.ptr, cut));
	for (size_t at = cut; at < body.len && going; at += step)
		going = play_piece(tale, p,
				   ouro_str(body.ptr + at,
					    body.len - at < step ? body.len - at : step));
	if (!going || !ouro_multipart_finish(p))
		tell_bad(tale, p);
	EXPECT(tale->data_bytes <= body.len);
	free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct tale whole, cut;
	const char *text = (const char *)data, *end = len > 0 ? memchr(text, '\n', len) : NULL;
	char boundary[OURO_MULTIPART_BOUNDARY_MAX];
	struct ouro_str named, body;
	ssize_t boundary_len;

	if (!end || len > INPUT_BYTES_MAX)
		return 0;
	boundary_len = ouro_multipart_boundary(ouro_str(text, (size_t)(end - text)), boundary);
	EXPECT(boundary_len != 0 && boundary_len <= OURO_MULTIPART_BOUNDARY_MAX);
	named = boundary_len > 0 ? ouro_str(boundary, (size_t)boundary_len) : OURO_STR("b");
	body = ouro_str(end + 1, len - (size_t)(end + 1 - text));
	play(&whole, named, body, body.len, 1);
	play(&cut, named, body, 0, 1);
	EXPECT(ouro_str_eq(ouro_str(whole.text, whole.len), ouro_str(cut.text, cut.len)));
	/* Where it is cut follows from the bytes, so that a finding can be played again. */
	for (size_t at = 1 + (len * 7 + data[len - 1]) % 13; at < body.len;
	     at += 1 + body.len / 16) {
		play(&cut, named, body, at, body.len);
		EXPECT(ouro_str_eq(ouro_str(whole.text, whole.len), ouro_str(cut.text, cut.len)));
	}
	return 0;
}
