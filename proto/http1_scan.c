/* Ordinary heads: see proto/http1_scan.h. These are ordinary:
 *
 *     method    one of seven, in capitals, from the first byte on
 *     target    / and visible ASCII, not over the limit; between single spaces
 *     version   HTTP/1.0 or HTTP/1.1
 *     lines     all end in CR LF; none begins with white space
 *     names     letters, digits, - and _; a colon right behind
 *     values    visible ASCII and spaces; no tab, nothing beyond ASCII
 *     fields    not over the limit; no Transfer-Encoding, no Upgrade, at most one Content-Length, of
 *               1 to 18 digits and nothing else
 *
 * Each is a part of what llhttp takes, and of all that llhttp looks at beyond the form of lines these
 * fields are what may make it say no. Chunked bodies go on where llhttp has left off. */
#include "proto/http1_scan.h"

#include "proto/field.h"
#include "proto/http1_phase.h"

#include <string.h>

/* Where a scan stands: the classes of one block, that block's offset a multiple of its size. Offsets
 * that are asked for never decrease, so that each block is sorted once. */
struct scan {
	const char *data;
	size_t len;
	ouro_classify_fn classify;
	size_t block;
	struct ouro_classes classes;
};

/* Sorts the block that holds offset @at, which is less than @len. Of a block that ends behind the
 * last byte, the bits behind it may say anything. */
static inline void load(struct scan *scan, size_t at)
{
	size_t block = at & ~(size_t)(OURO_CLASSIFY_BYTES - 1);
	size_t left = scan->len - block;

	scan->block = block;
	if (left >= OURO_CLASSIFY_BYTES) {
		scan->classes = scan->classify(scan->data + block);
	} else if (block > 0) {
		/* The last bytes of all, the end of the block before among them. */
		size_t extra = OURO_CLASSIFY_BYTES - left;

		scan->classes = scan->classify(scan->data + block - extra);
		scan->classes.name >>= extra;
		scan->classes.blank >>= extra;
		scan->classes.control >>= extra;
	} else {
		char copy[OURO_CLASSIFY_BYTES] = { 0 };

		memcpy(copy, scan->data, left);
		scan->classes = scan->classify(copy);
	}
}

/* Whether offset @at is in the block in hand, or the one that it is in can be had. */
static inline bool reach(struct scan *scan, size_t at)
{
	if (at - scan->block < OURO_CLASSIFY_BYTES)
		return true;
	if (at >= scan->len)
		return false;
	load(scan, at);
	return true;
}

/* What is looked for. */
enum stop {
	STOP_NAME_END,
	STOP_BLANK,
	STOP_CONTROL,
};

static inline uint64_t stops(const struct ouro_classes *classes, enum stop stop)
{
	switch (stop) {
	case STOP_NAME_END:
		return ~classes->name;
	case STOP_BLANK:
		return classes->blank;
	case STOP_CONTROL:
		return classes->control;
	}
	return 0;
}

/* Returns the offset of the first such byte from @at on, or one that is not less than @len. */
static inline size_t find(struct scan *scan, size_t at, enum stop stop)
{
	while (reach(scan, at)) {
		uint64_t found = stops(&scan->classes, stop) >> (at - scan->block);

		if (found)
			return at + (size_t)__builtin_ctzll(found);
		at = scan->block + OURO_CLASSIFY_BYTES;
	}
	return scan->len;
}

static inline bool is_line_end(const struct scan *scan, size_t at)
{
	return at + 2 <= scan->len && memcmp(scan->data + at, "\r\n", 2) == 0;
}

/* ---- The request line ---- */

struct line {
	uint8_t method;
	uint8_t method_bytes;
	uint8_t version_minor;
	struct ouro_span target;
};

#define METHODS(X) X(GET) X(POST) X(HEAD) X(PUT) X(DELETE) X(PATCH) X(OPTIONS)

enum {
	/* " HTTP/1.1" and the line's end. */
	VERSION_BYTES = 11,
	/* "GET / HTTP/1.0" and two line ends: fewer bytes are no request. */
	HEAD_BYTES_MIN = 18,
};

static inline bool scan_method(const struct scan *scan, struct line *line)
{
	/* Lengths that the compiler knows make each a comparison of words. */
#define TRY(name)                                                                                  \
	if (memcmp(scan->data, #name " ", sizeof(#name)) == 0) {                                   \
		line->method = HTTP_##name;                                                        \
		line->method_bytes = sizeof(#name) - 1;                                            \
		return true;                                                                       \
	}
	METHODS(TRY)
#undef TRY
	return false;
}

/* Returns the offset of the next line, or 0. */
static inline size_t scan_line(struct scan *scan, uint32_t target_bytes_max, struct line *line)
{
	size_t start, end;
	char minor;

	if (!scan_method(scan, line))
		return 0;
	start = line->method_bytes + 1U;
	if (scan->data[start] != '/')
		return 0;
	end = find(scan, start, STOP_BLANK);
	if (end + VERSION_BYTES > scan->len || end - start > target_bytes_max ||
	    memcmp(scan->data + end, " HTTP/1.", 8) != 0)
		return 0;
	minor = scan->data[end + 8];
	if ((minor != '0' && minor != '1') || !is_line_end(scan, end + 9))
		return 0;
	line->version_minor = (uint8_t)(minor - '0');
	line->target = (struct ouro_span){ (uint32_t)start, (uint32_t)(end - start) };
	return end + VERSION_BYTES;
}

/* ---- Fields ---- */

/* Returns the offset of the next line, or 0. */
static inline size_t scan_field(struct scan *scan, size_t start, struct ouro_http1_field *field)
{
	const char *data = scan->data;
	size_t colon = find(scan, start, STOP_NAME_END);
	size_t value = colon + 1, end;

	if (colon == start || value >= scan->len || data[colon] != ':')
		return 0;
	while (value < scan->len && data[value] == ' ')
		value++;
	end = find(scan, value, STOP_CONTROL);
	if (!is_line_end(scan, end))
		return 0;
	field->name = (struct ouro_span){ (uint32_t)start, (uint32_t)(colon - start) };
	field->value = (struct ouro_span){ (uint32_t)value, (uint32_t)(end - value) };
	field->known = (uint16_t)ouro_field_lookup(ouro_http1_value(data, field->name));
	return end + 2;
}

static bool is_plain_length(const char *at, size_t len)
{
	if (len < 1 || len > 18)
		return false;
	for (size_t i = 0; i < len; i++)
		if (at[i] < '0' || at[i] > '9')
			return false;
	return true;
}

/* Whether @field may be here at all; @has_length tells whether a length has been seen. */
static inline bool frames_plainly(const struct scan *scan, const struct ouro_http1_field *field,
				  bool *has_length)
{
	if (field->known == OURO_FIELD_TRANSFER_ENCODING || field->known == OURO_FIELD_UPGRADE)
		return false;
	if (field->known != OURO_FIELD_CONTENT_LENGTH)
		return true;
	if (*has_length)
		return false;
	*has_length = true;
	return is_plain_length(scan->data + field->value.offset, field->value.len);
}

/* Reads all fields, and the empty line behind them. Returns where that ends, or 0. */
static inline size_t scan_fields(struct scan *scan, size_t at, struct ouro_http1_field *fields,
				 uint32_t max, uint32_t *count)
{
	bool has_length = false;
	uint32_t index = 0;

	while (!is_line_end(scan, at)) {
		if (index == max)
			return 0;
		at = scan_field(scan, at, &fields[index]);
		if (at == 0 || !frames_plainly(scan, &fields[index], &has_length))
			return 0;
		index++;
	}
	*count = index;
	return at + 2;
}

bool ouro_http1_scan(struct ouro_http1_parser *p, const char *data, size_t len,
		     ouro_classify_fn classify)
{
	struct scan scan = { .data = data, .len = len, .classify = classify };
	uint32_t field_count = 0;
	struct line line;
	size_t at;

	assert(p->phase == OURO_HTTP1_START && p->head_bytes == 0);
	if (len < HEAD_BYTES_MIN)
		return false;
	load(&scan, 0);
	at = scan_line(&scan, p->limits->target_bytes_max, &line);
	if (at > 0)
		at = scan_fields(&scan, at, p->fields, p->limits->fields_max, &field_count);
	if (at == 0)
		return false;
	p->method = line.method;
	p->method_name = (struct ouro_span){ 0, line.method_bytes };
	p->target = line.target;
	p->llhttp.http_major = 1;
	p->llhttp.http_minor = line.version_minor;
	p->head_bytes = (uint32_t)at;
	p->field_count = field_count;
	p->numbered = true;
	ouro_http1_enter(p, OURO_HTTP1_CHECK);
	return true;
}
