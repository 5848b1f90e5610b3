/* What an encoder and a decoder ask of the library behind a coding. */
#ifndef OURO_CODING_LIBRARY_H
#define OURO_CODING_LIBRARY_H

#include "coding/decoder.h"
#include "coding/encoder.h"

/* Each library has a struct of its own that begins with this one. Its functions do what those of
 * the same name in coding/encoder.h promise; create() leaves @ops and @coding to its caller. */
struct ouro_encoder {
	const struct ouro_encoder_ops *ops;
	enum ouro_coding coding;
	enum ouro_flush flushing; /* what the call before had no room to do */
	bool ended;
};

struct ouro_encoder_ops {
	int (*create)(enum ouro_coding coding, int level, struct ouro_encoder **encoder);
	void (*destroy)(struct ouro_encoder *encoder);
	int (*reset)(struct ouro_encoder *encoder);
	enum ouro_encode (*run)(struct ouro_encoder *encoder, struct ouro_str *in,
				enum ouro_flush flush, char *out, size_t room, size_t *len);
	size_t (*bytes)(const struct ouro_encoder *encoder);
};

/* One coding of a decoder, without limits but that of the window. */
struct ouro_stage {
	const struct ouro_stage_ops *ops;
};

struct ouro_stage_ops {
	int (*create)(enum ouro_coding coding, struct ouro_stage **stage);
	void (*destroy)(struct ouro_stage *stage);
	int (*reset)(struct ouro_stage *stage);
	/* As ouro_decoder_run(), but for the end of the input, of which it knows nothing: it is done
	 * where the content may end here, and never calls it truncated. @len counts also what was
	 * written before something turned out wrong. */
	enum ouro_decode (*run)(struct ouro_stage *stage, struct ouro_str *in, char *out,
				size_t room, size_t *len);
};

extern const struct ouro_encoder_ops ouro_zlib_encoder, ouro_brotli_encoder, ouro_zstd_encoder;
extern const struct ouro_stage_ops ouro_zlib_stage, ouro_brotli_stage, ouro_zstd_stage;

#endif
