/* Contents, encoded and decoded: see coded.h. */
#include "coded.h"

#include "guard.h"

#include <criterion/criterion.h>

const struct ouro_decoder_limits no_limits = { .bytes_max = UINT64_MAX };

static uint32_t next_random(uint32_t *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 16;
}

void fill_words(char *out, size_t len)
{
	static const char *const words[] = { "the ",      "request ", "a ",  "of ",
					     "response ", "field ",   "is ", "body\n" };
	uint32_t state = 1;

	for (size_t i = 0; i < len;) {
		const char *word = words[next_random(&state) % 8];
		size_t n = strlen(word) < len - i ? strlen(word) : len - i;

		memcpy(out + i, word, n);
		i += n;
	}
}

void fill_noise(char *out, size_t len)
{
	uint32_t state = 2;

	for (size_t i = 0; i < len; i++)
		out[i] = (char)next_random(&state);
}

size_t encode(enum ouro_coding coding, struct ouro_str content, char *out, size_t room)
{
	struct ouro_encoder *encoder;
	size_t len;

	cr_assert_eq(ouro_encoder_create(&encoder, coding, 0), 0);
	cr_assert_eq(ouro_encoder_run(encoder, &content, OURO_FLUSH_END, out, room, &len),
		     OURO_ENCODE_DONE);
	ouro_encoder_destroy(encoder);
	return len;
}

static size_t at_most(size_t len, size_t max)
{
	return max > 0 && len > max ? max : len;
}

/* Runs it until it wants input, or is at an end. */
static enum ouro_decode run(struct ouro_decoder *decoder, struct ouro_str piece, bool last,
			    size_t at_once, char *out, size_t room, size_t *len)
{
	enum ouro_decode step;
	size_t count;

	do {
		cr_assert_gt(room - *len, 0);
		step = ouro_decoder_run(decoder, &piece, last, out + *len,
					at_most(room - *len, at_once), &count);
		*len += count;
	} while (step == OURO_DECODE_FULL);
	cr_assert(piece.len == 0 || step >= OURO_DECODE_MALFORMED);
	return step;
}

enum ouro_decode decode(struct ouro_decoder *decoder, struct ouro_str input, struct manner manner,
			char *out, size_t room, size_t *len)
{
	size_t size = manner.first ? manner.first : manner.piece;
	enum ouro_decode step = OURO_DECODE_MORE;
	struct guard guard;
	bool last = false;

	*len = 0;
	guard_init(&guard, input.len + 1);
	while (!last && step <= OURO_DECODE_DONE) {
		size_t count = at_most(input.len, size);
		const char *piece = guard_put(&guard, input.ptr, count);

		last = count == input.len && (!manner.late || count == 0);
		step = run(decoder, ouro_str(piece, count), last, manner.room, out, room, len);
		input = ouro_str(input.ptr + count, input.len - count);
		size = manner.piece;
	}
	guard_fini(&guard);
	return step;
}

enum ouro_decode decode_one(enum ouro_coding coding, struct ouro_str input, struct manner manner,
			    char *out, size_t room, size_t *len)
{
	struct ouro_decoder *decoder;
	enum ouro_decode step;

	cr_assert_eq(ouro_decoder_create(&decoder, &coding, 1, &no_limits), 0);
	step = decode(decoder, input, manner, out, room, len);
	ouro_decoder_destroy(decoder);
	return step;
}

/* Calls decode_one() in each manner that matters for a short input. */
static void expect(enum ouro_coding coding, struct ouro_str input, enum ouro_decode end,
		   const struct ouro_str *content)
{
	struct manner manners[] = { { 0 }, { .late = true }, { .piece = 1, .room = 1 } };
	size_t room = (content ? content->len : 1 << 16) + 1, len;
	char *out = malloc(room);

	cr_assert(out);
	for (size_t i = 0; i < 3 + input.len; i++) {
		struct manner manner = { .first = i - 2, .room = 7 };
		enum ouro_decode step;

		if (i < 3)
			manner = manners[i];
		step = decode_one(coding, input, manner, out, room, &len);
		cr_expect_eq(step, end, "manner %zu: %d", i, step);
		if (content)
			cr_expect(ouro_str_eq(ouro_str(out, len), *content), "manner %zu", i);
	}
	free(out);
}

void expect_content(enum ouro_coding coding, struct ouro_str input, struct ouro_str content)
{
	expect(coding, input, OURO_DECODE_DONE, &content);
}

void expect_end(enum ouro_coding coding, struct ouro_str input, enum ouro_decode end)
{
	expect(coding, input, end, NULL);
}
