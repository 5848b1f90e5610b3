/* Decoders, of one coding or several on top of each other: see coding/decoder.h.
 *
 * The last stage is asked for output. One that wants input asks the stage before it, and the first
 * one takes it from the caller. What is between two stages is one buffer, never more. */
#include "coding/decoder.h"

#include "coding/library.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

enum {
	/* Between two stages. */
	BETWEEN_BYTES = 8192,
	/* What a coding may add to what it cannot make smaller: a share of it, and its frame. */
	ADDED_SHARE = 8,
	ADDED_BYTES = 4096,
};

struct level {
	struct ouro_stage *stage;
	bool full;             /* it has more to give */
	bool complete;         /* its content may end here */
	enum ouro_decode end;  /* what went wrong behind what it gave last; DONE: nothing did */
	uint64_t given;        /* how many bytes it gave */
	uint64_t bytes_max;    /* how many it may */
	char *between;         /* its input comes here; NULL: it is the caller's */
	struct ouro_str input; /* what is left of that */
};

struct ouro_decoder {
	struct ouro_decoder_limits limits;
	uint64_t taken; /* from the caller */
	bool failed;
	size_t count;
	struct level level[OURO_DECODER_CODINGS_MAX];
};

static const struct ouro_stage_ops *const stages[OURO_CODING_COUNT] = {
	[OURO_CODING_BR] = &ouro_brotli_stage,
	[OURO_CODING_ZSTD] = &ouro_zstd_stage,
	[OURO_CODING_GZIP] = &ouro_zlib_stage,
	[OURO_CODING_DEFLATE] = &ouro_zlib_stage,
};

static uint64_t add(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/* Everything as before the first byte; the stages are. */
static void begin(struct ouro_decoder *decoder, const struct ouro_decoder_limits *limits)
{
	uint64_t max = limits->bytes_max;

	decoder->limits = *limits;
	decoder->taken = 0;
	decoder->failed = false;
	for (size_t i = decoder->count; i-- > 0;) {
		struct level *level = &decoder->level[i];

		level->full = false;
		level->complete = false;
		level->end = OURO_DECODE_DONE;
		level->given = 0;
		level->bytes_max = max;
		level->input = (struct ouro_str){ level->between, 0 };
		max = add(add(max, max / ADDED_SHARE), ADDED_BYTES);
	}
}

static int init_level(struct level *level, enum ouro_coding coding, bool is_first)
{
	int err;

	assert(coding < OURO_CODING_COUNT && stages[coding]);
	level->between = NULL;
	if (!is_first) {
		level->between = malloc(BETWEEN_BYTES);
		if (!level->between)
			return -ENOMEM;
	}
	err = stages[coding]->create(coding, &level->stage);
	if (err) {
		free(level->between);
		return err;
	}
	level->stage->ops = stages[coding];
	return 0;
}

int ouro_decoder_create(struct ouro_decoder **out, const enum ouro_coding *codings, size_t count,
			const struct ouro_decoder_limits *limits)
{
	struct ouro_decoder *decoder = malloc(sizeof(*decoder));

	assert(count > 0 && count <= OURO_DECODER_CODINGS_MAX);
	if (!decoder)
		return -ENOMEM;
	for (decoder->count = 0; decoder->count < count; decoder->count++) {
		size_t i = decoder->count;

		if (init_level(&decoder->level[i], codings[count - 1 - i], i == 0)) {
			ouro_decoder_destroy(decoder);
			return -ENOMEM;
		}
	}
	begin(decoder, limits);
	*out = decoder;
	return 0;
}

void ouro_decoder_destroy(struct ouro_decoder *decoder)
{
	if (!decoder)
		return;
	for (size_t i = 0; i < decoder->count; i++) {
		struct level *level = &decoder->level[i];

		level->stage->ops->destroy(level->stage);
		free(level->between);
	}
	free(decoder);
}

int ouro_decoder_reset(struct ouro_decoder *decoder, const struct ouro_decoder_limits *limits)
{
	for (size_t i = 0; i < decoder->count; i++) {
		struct ouro_stage *stage = decoder->level[i].stage;
		int err = stage->ops->reset(stage);

		if (err)
			return err;
	}
	begin(decoder, limits);
	return 0;
}

/* How many bytes @level may have given by now. */
static uint64_t allowance(const struct ouro_decoder *decoder, const struct level *level)
{
	const struct ouro_decoder_limits *limits = &decoder->limits;
	uint64_t by_ratio;

	if (limits->ratio_max == 0)
		return level->bytes_max;
	by_ratio = decoder->taken > UINT64_MAX / limits->ratio_max
			   ? UINT64_MAX
			   : decoder->taken * limits->ratio_max;
	if (by_ratio < limits->ratio_free_bytes)
		by_ratio = limits->ratio_free_bytes;
	return by_ratio < level->bytes_max ? by_ratio : level->bytes_max;
}

static bool is_failure(enum ouro_decode step)
{
	return step >= OURO_DECODE_MALFORMED;
}

/* Runs one stage once, with room for no more than the first byte that is too many; that one is not
 * counted in @len. */
static enum ouro_decode run_level(struct ouro_decoder *decoder, struct level *level,
				  struct ouro_str *in, char *out, size_t room, size_t *len)
{
	uint64_t left = allowance(decoder, level) - level->given;
	size_t before = in->len;
	enum ouro_decode step;

	if (room > left)
		room = (size_t)left + 1;
	step = level->stage->ops->run(level->stage, in, out, room, len);
	if (level == decoder->level)
		decoder->taken += before - in->len;
	level->full = step == OURO_DECODE_FULL;
	level->complete = step == OURO_DECODE_DONE;
	left = allowance(decoder, level) - level->given;
	if (*len > left) {
		*len = (size_t)left;
		step = OURO_DECODE_TOO_LARGE;
	}
	level->given += *len;
	return step;
}

/* What @level says where nothing more comes of what there is. */
static enum ouro_decode at_end_of_input(const struct ouro_decoder *decoder,
					const struct level *level, bool last)
{
	if (level->complete || (last && decoder->taken == 0))
		return OURO_DECODE_DONE;
	return last ? OURO_DECODE_TRUNCATED : OURO_DECODE_MORE;
}

static enum ouro_decode give(struct ouro_decoder *decoder, size_t index, struct ouro_str *in,
			     bool last, char *out, size_t room, size_t *len);

/* Level @index gives what it can: until the room is used up, or the input, or something is wrong. */
static enum ouro_decode give_some(struct ouro_decoder *decoder, size_t index, struct ouro_str *in,
				  bool last, char *out, size_t room, size_t *len)
{
	struct level *level = &decoder->level[index];
	struct ouro_str *from = index == 0 ? in : &level->input;
	enum ouro_decode step;
	size_t count;

	for (;;) {
		while (from->len > 0 || level->full) {
			if (*len == room)
				return OURO_DECODE_FULL;
			step = run_level(decoder, level, from, out + *len, room - *len, &count);
			*len += count;
			if (is_failure(step))
				return step;
		}
		if (index == 0)
			return at_end_of_input(decoder, level, last);
		step = give(decoder, index - 1, in, last, level->between, BETWEEN_BYTES, &count);
		if (is_failure(step))
			return step;
		*from = (struct ouro_str){ level->between, count };
		if (count == 0)
			return at_end_of_input(decoder, level, last && step == OURO_DECODE_DONE);
	}
}

/* The same, but what was given before something went wrong is given first: whoever makes something
 * of it may find that wrong, and does so before, however the input was cut. */
static enum ouro_decode give(struct ouro_decoder *decoder, size_t index, struct ouro_str *in,
			     bool last, char *out, size_t room, size_t *len)
{
	struct level *level = &decoder->level[index];
	enum ouro_decode step;

	*len = 0;
	if (is_failure(level->end))
		return level->end;
	step = give_some(decoder, index, in, last, out, room, len);
	if (!is_failure(step) || *len == 0)
		return step;
	level->end = step;
	return OURO_DECODE_FULL;
}

enum ouro_decode ouro_decoder_run(struct ouro_decoder *decoder, struct ouro_str *in, bool last,
				  char *out, size_t room, size_t *len)
{
	enum ouro_decode step;

	assert(room > 0);
	assert(!decoder->failed);
	step = give(decoder, decoder->count - 1, in, last, out, room, len);
	decoder->failed = is_failure(step);
	return step;
}
