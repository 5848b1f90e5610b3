/* br, by libbrotlienc and libbrotlidec. Neither can begin anew: they are made again for each
 * content, from memory that was kept. */
#include "coding/library.h"
#include "coding/memory.h"

#include <assert.h>
#include <brotli/decode.h>
#include <brotli/encode.h>
#include <errno.h>
#include <setjmp.h>
#include <stdlib.h>

enum {
	/* With larger windows the hash tables of the levels from 7 on have tens of megabytes; where
	 * a mebibyte and more is said to come, so do those of level 4. */
	ENCODER_WINDOW_BITS = 16,
	ENCODER_SIZE_HINT = 1 << 19,
	ENCODER_BYTES_MAX = OURO_ENCODER_BYTES_MAX - 4096,
};

static_assert(OURO_ENCODER_LEVEL_MAX <= BROTLI_MAX_QUALITY, "a quality");

struct brotli_encoder {
	struct ouro_encoder base;
	struct ouro_coding_memory memory;
	BrotliEncoderState *brotli; /* NULL: there was no memory for one */
	uint32_t quality;
	bool running;
	jmp_buf out_of_memory; /* where to go then, while it runs */
};

/* As it is mostly built, the library ends the process where it runs out of memory. All it has is
 * its memory, so it can be left instead, in the middle of what it does. */
static void *encoder_alloc(void *opaque, size_t bytes)
{
	struct brotli_encoder *self = opaque;
	void *ptr = ouro_coding_memory_alloc(&self->memory, bytes);

	if (!ptr && self->running)
		longjmp(self->out_of_memory, 1);
	return ptr;
}

static void encoder_free(void *opaque, void *ptr)
{
	ouro_coding_memory_free(&((struct brotli_encoder *)opaque)->memory, ptr);
}

static int begin_encoder(struct brotli_encoder *self)
{
	self->running = false;
	self->brotli = BrotliEncoderCreateInstance(encoder_alloc, encoder_free, self);
	if (!self->brotli)
		return -ENOMEM;
	BrotliEncoderSetParameter(self->brotli, BROTLI_PARAM_QUALITY, self->quality);
	BrotliEncoderSetParameter(self->brotli, BROTLI_PARAM_LGWIN, ENCODER_WINDOW_BITS);
	BrotliEncoderSetParameter(self->brotli, BROTLI_PARAM_SIZE_HINT, ENCODER_SIZE_HINT);
	return 0;
}

/* One that is still running was left. */
static void end_encoder(struct brotli_encoder *self)
{
	if (self->running)
		ouro_coding_memory_free_all(&self->memory);
	else if (self->brotli)
		BrotliEncoderDestroyInstance(self->brotli);
	self->brotli = NULL;
}

static int create_encoder(enum ouro_coding coding, int level, struct ouro_encoder **encoder)
{
	struct brotli_encoder *self = malloc(sizeof(*self));

	(void)coding;
	if (!self)
		return -ENOMEM;
	ouro_coding_memory_init(&self->memory, ENCODER_BYTES_MAX);
	self->quality = (uint32_t)level;
	if (begin_encoder(self)) {
		ouro_coding_memory_fini(&self->memory);
		free(self);
		return -ENOMEM;
	}
	*encoder = &self->base;
	return 0;
}

static void destroy_encoder(struct ouro_encoder *encoder)
{
	struct brotli_encoder *self = (struct brotli_encoder *)encoder;

	end_encoder(self);
	ouro_coding_memory_fini(&self->memory);
	free(self);
}

static int reset_encoder(struct ouro_encoder *encoder)
{
	struct brotli_encoder *self = (struct brotli_encoder *)encoder;

	end_encoder(self);
	return begin_encoder(self);
}

static enum ouro_encode run_encoder(struct ouro_encoder *encoder, struct ouro_str *in,
				    enum ouro_flush flush, char *out, size_t room, size_t *len)
{
	static const BrotliEncoderOperation operations[] = {
		[OURO_FLUSH_NONE] = BROTLI_OPERATION_PROCESS,
		[OURO_FLUSH_SYNC] = BROTLI_OPERATION_FLUSH,
		[OURO_FLUSH_END] = BROTLI_OPERATION_FINISH,
	};
	struct brotli_encoder *self = (struct brotli_encoder *)encoder;
	const uint8_t *next_in = (const uint8_t *)in->ptr;
	uint8_t *next_out = (uint8_t *)out;
	size_t left = room;
	int is_good;

	if (setjmp(self->out_of_memory))
		return OURO_ENCODE_FAILED;
	self->running = true;
	is_good = BrotliEncoderCompressStream(self->brotli, operations[flush], &in->len, &next_in,
					      &left, &next_out, NULL);
	self->running = false;
	if (!is_good)
		return OURO_ENCODE_FAILED;
	in->ptr = (const char *)next_in;
	*len = room - left;
	if (in->len > 0 || BrotliEncoderHasMoreOutput(self->brotli))
		return OURO_ENCODE_FULL;
	if (flush == OURO_FLUSH_END && !BrotliEncoderIsFinished(self->brotli))
		return OURO_ENCODE_FULL;
	return OURO_ENCODE_DONE;
}

static size_t encoder_bytes(const struct ouro_encoder *encoder)
{
	return sizeof(struct brotli_encoder) +
	       ((const struct brotli_encoder *)encoder)->memory.bytes;
}

const struct ouro_encoder_ops ouro_brotli_encoder = {
	.create = create_encoder,
	.destroy = destroy_encoder,
	.reset = reset_encoder,
	.run = run_encoder,
	.bytes = encoder_bytes,
};

struct brotli_stage {
	struct ouro_stage base;
	struct ouro_coding_memory memory;
	BrotliDecoderState *brotli; /* NULL: there was no memory for one */
};

static void *stage_alloc(void *memory, size_t bytes)
{
	return ouro_coding_memory_alloc(memory, bytes);
}

static void stage_free(void *memory, void *ptr)
{
	ouro_coding_memory_free(memory, ptr);
}

static int begin_stage(struct brotli_stage *self)
{
	self->brotli = BrotliDecoderCreateInstance(stage_alloc, stage_free, &self->memory);
	return self->brotli ? 0 : -ENOMEM;
}

static int create_stage(enum ouro_coding coding, struct ouro_stage **stage)
{
	struct brotli_stage *self = malloc(sizeof(*self));

	(void)coding;
	if (!self)
		return -ENOMEM;
	ouro_coding_memory_init(&self->memory, OURO_DECODER_BYTES_MAX);
	if (begin_stage(self)) {
		ouro_coding_memory_fini(&self->memory);
		free(self);
		return -ENOMEM;
	}
	*stage = &self->base;
	return 0;
}

static void end_stage(struct brotli_stage *self)
{
	if (self->brotli)
		BrotliDecoderDestroyInstance(self->brotli);
	self->brotli = NULL;
}

static void destroy_stage(struct ouro_stage *stage)
{
	struct brotli_stage *self = (struct brotli_stage *)stage;

	end_stage(self);
	ouro_coding_memory_fini(&self->memory);
	free(self);
}

static int reset_stage(struct ouro_stage *stage)
{
	struct brotli_stage *self = (struct brotli_stage *)stage;

	end_stage(self);
	ouro_coding_memory_trim(&self->memory, OURO_DECODER_KEPT_BYTES_MAX);
	return begin_stage(self);
}

/* Which of the two it is that went wrong. */
static enum ouro_decode failure(const struct brotli_stage *self)
{
	BrotliDecoderErrorCode code = BrotliDecoderGetErrorCode(self->brotli);

	if (code <= BROTLI_DECODER_ERROR_ALLOC_CONTEXT_MODES &&
	    code >= BROTLI_DECODER_ERROR_ALLOC_BLOCK_TYPE_TREES)
		return OURO_DECODE_NO_MEMORY;
	return OURO_DECODE_MALFORMED;
}

static enum ouro_decode run_stage(struct ouro_stage *stage, struct ouro_str *in, char *out,
				  size_t room, size_t *len)
{
	struct brotli_stage *self = (struct brotli_stage *)stage;
	const uint8_t *next_in = (const uint8_t *)in->ptr;
	uint8_t *next_out = (uint8_t *)out;
	size_t left = room;
	BrotliDecoderResult result;

	result = BrotliDecoderDecompressStream(self->brotli, &in->len, &next_in, &left, &next_out,
					       NULL);
	in->ptr = (const char *)next_in;
	*len = room - left;
	switch (result) {
	case BROTLI_DECODER_RESULT_SUCCESS:
		return in->len > 0 ? OURO_DECODE_MALFORMED : OURO_DECODE_DONE;
	case BROTLI_DECODER_RESULT_NEEDS_MORE_INPUT:
		return OURO_DECODE_MORE;
	case BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT:
		return OURO_DECODE_FULL;
	case BROTLI_DECODER_RESULT_ERROR:
		break;
	}
	return failure(self);
}

const struct ouro_stage_ops ouro_brotli_stage = {
	.create = create_stage,
	.destroy = destroy_stage,
	.reset = reset_stage,
	.run = run_stage,
};
