/* Encoders and decoders of one loop: bounded, kept, trimmed. */
#include "server/coders.h"

#include <criterion/criterion.h>
#include <errno.h>

static struct ouro_coders coders;

static void init(void)
{
	ouro_coders_init(&coders, 1);
}

static void fini(void)
{
	ouro_coders_fini(&coders);
}

TestSuite(coders, .init = init, .fini = fini);

static const enum ouro_coding gzip[] = { OURO_CODING_GZIP, OURO_CODING_BR };
static const struct ouro_decoder_limits limits = { .bytes_max = 1000 };

Test(coders, an_encoder_is_used_again)
{
	struct ouro_encoder *encoder = ouro_coders_take_encoder(&coders, OURO_CODING_GZIP), *other;

	ouro_coders_put_encoder(&coders, encoder);
	other = ouro_coders_take_encoder(&coders, OURO_CODING_BR);
	cr_expect_neq(other, encoder);
	ouro_coders_put_encoder(&coders, other);
	cr_expect_eq(ouro_coders_take_encoder(&coders, OURO_CODING_GZIP), encoder);
	ouro_coders_put_encoder(&coders, encoder);
}

Test(coders, encoders_are_bounded)
{
	struct ouro_encoder *encoders[OURO_ENCODERS_MAX];

	for (int i = 0; i < OURO_ENCODERS_MAX; i++) {
		encoders[i] = ouro_coders_take_encoder(&coders, OURO_CODING_DEFLATE);
		cr_assert(encoders[i]);
	}
	cr_expect_null(ouro_coders_take_encoder(&coders, OURO_CODING_BR));
	for (int i = 0; i < OURO_ENCODERS_MAX; i++)
		ouro_coders_put_encoder(&coders, encoders[i]);
	cr_expect_eq(coders.encoders_kept[OURO_CODING_DEFLATE], OURO_CODERS_KEPT_MAX);
	ouro_coders_put_encoder(&coders, NULL);
}

Test(coders, what_nobody_needs_is_freed)
{
	struct ouro_encoder *encoder = ouro_coders_take_encoder(&coders, OURO_CODING_GZIP);

	ouro_coders_put_encoder(&coders, encoder);
	ouro_coders_trim(&coders);
	cr_expect_eq(coders.encoders_kept[OURO_CODING_GZIP], 1);
	ouro_coders_put_encoder(&coders, ouro_coders_take_encoder(&coders, OURO_CODING_GZIP));
	ouro_coders_trim(&coders);
	cr_expect_eq(coders.encoders_kept[OURO_CODING_GZIP], 1, "it was needed");
	ouro_coders_trim(&coders);
	cr_expect_eq(coders.encoders_kept[OURO_CODING_GZIP], 0);
}

Test(coders, a_decoder_is_used_again)
{
	struct ouro_decoder *decoder, *again;

	cr_assert_eq(ouro_coders_take_decoder(&coders, gzip, 1, &limits, &decoder), 0);
	ouro_coders_put_decoder(&coders, gzip[0], 1, decoder);
	cr_assert_eq(ouro_coders_take_decoder(&coders, gzip, 1, &limits, &again), 0);
	cr_expect_eq(again, decoder);
	ouro_coders_put_decoder(&coders, gzip[0], 1, again);
	ouro_coders_trim(&coders);
	ouro_coders_trim(&coders);
	cr_expect_eq(coders.decoders_kept[OURO_CODING_GZIP], 0);
}

Test(coders, one_for_several_codings_is_not_kept)
{
	struct ouro_decoder *decoder;

	cr_assert_eq(ouro_coders_take_decoder(&coders, gzip, 2, &limits, &decoder), 0);
	ouro_coders_put_decoder(&coders, gzip[0], 2, decoder);
	cr_expect_eq(coders.decoders_kept[OURO_CODING_GZIP], 0);
}

Test(coders, decoders_are_bounded)
{
	static struct ouro_decoder *decoders[OURO_DECODERS_MAX];
	struct ouro_decoder *one_more;

	for (int i = 0; i < OURO_DECODERS_MAX; i++)
		cr_assert_eq(ouro_coders_take_decoder(&coders, gzip, 1, &limits, &decoders[i]), 0);
	cr_expect_eq(ouro_coders_take_decoder(&coders, gzip, 1, &limits, &one_more), -EAGAIN);
	for (int i = 0; i < OURO_DECODERS_MAX; i++)
		ouro_coders_put_decoder(&coders, gzip[0], 1, decoders[i]);
	cr_expect_eq(coders.decoders_kept[OURO_CODING_GZIP], OURO_CODERS_KEPT_MAX);
}
