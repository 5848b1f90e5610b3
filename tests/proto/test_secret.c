/* Signed and sealed values. */
#include "proto/secret.h"

#include "base/str.h"
#include "guard.h"

#include <criterion/criterion.h>
#include <errno.h>

#define KEY_A OURO_STR("0123456789abcdef0123456789abcdef")
#define KEY_B OURO_STR("another key of thirty-two bytes!")

enum { NOW = 1000000 };

/* The two kinds have one contract. */
struct kind {
	const char *name;
	ssize_t (*make)(const struct ouro_secret *secret, struct ouro_str name,
			struct ouro_str value, int64_t expires_unix_s, char *out, size_t room);
	ssize_t (*open)(const struct ouro_secret *secret, struct ouro_str name,
			struct ouro_str text, int64_t now_unix_s, char *out, size_t room);
	size_t extra_bytes;
};

static const struct kind kinds[] = {
	{ "signed", ouro_secret_sign, ouro_secret_open_signed, 40 },
	{ "sealed", ouro_secret_seal, ouro_secret_open_sealed, 36 },
};

#define EACH_KIND(kind) for (const struct kind *kind = kinds; kind < kinds + 2; kind++)

static struct ouro_secret *secret_of(const struct ouro_str *keys, size_t count)
{
	struct ouro_secret *secret;

	cr_assert_eq(ouro_secret_create(&secret, keys, count), 0);
	return secret;
}

static struct ouro_secret *secret_a(void)
{
	return secret_of((struct ouro_str[]){ KEY_A }, 1);
}

/* What opening @text for the cookie "sid" gives. */
static ssize_t open_text(const struct kind *kind, const struct ouro_secret *secret,
			 struct ouro_str text)
{
	char out[512];

	return kind->open(secret, OURO_STR("sid"), text, NOW, out, sizeof(out));
}

/* Makes the text of "value" for the cookie "sid". */
static struct ouro_str make_text(const struct kind *kind, const struct ouro_secret *secret,
				 char *out, size_t room)
{
	ssize_t len = kind->make(secret, OURO_STR("sid"), OURO_STR("value"), 0, out, room);

	cr_assert_gt(len, 0);
	return ouro_str(out, (size_t)len);
}

Test(secret, keys)
{
	struct ouro_str keys[OURO_SECRET_KEYS_MAX + 1];
	struct ouro_secret *secret = NULL;

	for (size_t i = 0; i < OURO_SECRET_KEYS_MAX + 1; i++)
		keys[i] = KEY_A;
	cr_expect_eq(ouro_secret_create(&secret, keys, 0), -EINVAL);
	cr_expect_eq(ouro_secret_create(&secret, keys, OURO_SECRET_KEYS_MAX + 1), -EINVAL);
	keys[3].len--;
	cr_expect_eq(ouro_secret_create(&secret, keys, 5), -EINVAL);
	cr_expect_null(secret);
	keys[3].len++;
	cr_expect_eq(ouro_secret_create(&secret, keys, OURO_SECRET_KEYS_MAX), 0);
	ouro_secret_destroy(secret);
	ouro_secret_destroy(NULL);
}

Test(secret, opens_what_it_made)
{
	struct ouro_secret *secret = secret_a();
	char value[300], text[512], out[512];

	for (size_t i = 0; i < sizeof(value); i++)
		value[i] = (char)(i * 7);
	EACH_KIND(kind)
	{
		for (size_t len = 0; len < sizeof(value); len++) {
			size_t text_len = (((len + kind->extra_bytes) * 4) + 2) / 3;
			ssize_t got = kind->make(secret, OURO_STR("sid"), ouro_str(value, len),
						 NOW + 1, text, text_len);

			cr_assert_eq(got, (ssize_t)text_len, "%s %zu", kind->name, len);
			got = kind->open(secret, OURO_STR("sid"), ouro_str(text, text_len), NOW,
					 out, OURO_SECRET_OPEN_ROOM(text_len));
			cr_assert_eq(got, (ssize_t)len, "%s %zu", kind->name, len);
			cr_expect_eq(memcmp(out, value, len), 0);
		}
	}
	cr_expect_eq(OURO_SECRET_SIGNED_BYTES(5), 60);
	cr_expect_eq(OURO_SECRET_SEALED_BYTES(5), 55);
	ouro_secret_destroy(secret);
}

Test(secret, a_signed_value_is_always_the_same_text)
{
	struct ouro_secret *secret = secret_a();
	char out[128];
	struct ouro_str text = make_text(&kinds[0], secret, out, sizeof(out));

	/* Computed with Python's hmac and hashlib, so that a change of format is seen. */
	cr_expect(ouro_str_eq(
			  text,
			  OURO_STR("AAAAAAAAAAB2YWx1ZUk5rw9JippgMOk96kuD_tlhtS1vwCMeSTGzONXpYp7t")),
		  "%.*s", (int)text.len, text.ptr);
	ouro_secret_destroy(secret);
}

Test(secret, opens_what_others_sealed)
{
	struct ouro_secret *secret = secret_a();
	char out[128];
	struct ouro_str text = OURO_STR("AAECAwQFBgcICQoL5L4_7i96m7WMpVx6JdrKNqPxy89mqkvMaAWhFEs");

	/* Computed with Python's cryptography. */
	cr_expect_eq(ouro_secret_open_sealed(secret, OURO_STR("sid"), text, NOW, out, sizeof(out)),
		     5);
	cr_expect_eq(memcmp(out, "value", 5), 0);
	ouro_secret_destroy(secret);
}

Test(secret, sealing_never_gives_the_same_twice)
{
	struct ouro_secret *secret = secret_a();
	char a[128], b[128];

	cr_expect(!ouro_str_eq(make_text(&kinds[1], secret, a, sizeof(a)),
			       make_text(&kinds[1], secret, b, sizeof(b))));
	ouro_secret_destroy(secret);
}

Test(secret, every_flipped_bit_is_seen)
{
	struct ouro_secret *secret = secret_a();
	char out[128];

	EACH_KIND(kind)
	{
		struct ouro_str text = make_text(kind, secret, out, sizeof(out));

		cr_assert_eq(open_text(kind, secret, text), 5);
		for (size_t bit = 0; bit < text.len * 8; bit++) {
			out[bit / 8] = (char)(out[bit / 8] ^ 1 << bit % 8);
			cr_expect_eq(open_text(kind, secret, text), -EBADMSG, "%s: bit %zu",
				     kind->name, bit);
			out[bit / 8] = (char)(out[bit / 8] ^ 1 << bit % 8);
		}
	}
	ouro_secret_destroy(secret);
}

Test(secret, every_cut_is_seen)
{
	struct ouro_secret *secret = secret_a();
	char out[129];
	struct guard guard;

	guard_init(&guard, sizeof(out));
	EACH_KIND(kind)
	{
		struct ouro_str text = make_text(kind, secret, out, sizeof(out) - 1);

		for (size_t len = 0; len < text.len; len++)
			cr_expect_eq(open_text(kind, secret,
					       ouro_str(guard_put(&guard, out, len), len)),
				     -EBADMSG, "%s: %zu", kind->name, len);
		out[text.len] = 'A';
		cr_expect_eq(open_text(kind, secret, ouro_str(out, text.len + 1)), -EBADMSG);
		out[text.len] = '=';
		cr_expect_eq(open_text(kind, secret, ouro_str(out, text.len + 1)), -EBADMSG);
	}
	guard_fini(&guard);
	ouro_secret_destroy(secret);
}

Test(secret, bound_to_the_name)
{
	static const char *const others[] = { "", "si", "sid ", "SID", "sidv", "tid" };
	struct ouro_secret *secret = secret_a();
	char out[128], opened[128];

	EACH_KIND(kind)
	{
		struct ouro_str text = make_text(kind, secret, out, sizeof(out));

		for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
			cr_expect_eq(kind->open(secret, ouro_str_c(others[i]), text, NOW, opened,
						sizeof(opened)),
				     -EBADMSG, "%s: %s", kind->name, others[i]);
	}
	ouro_secret_destroy(secret);
}

Test(secret, one_kind_does_not_open_as_the_other)
{
	struct ouro_secret *secret = secret_a();
	char out[128];

	cr_expect_eq(open_text(&kinds[1], secret, make_text(&kinds[0], secret, out, sizeof(out))),
		     -EBADMSG);
	cr_expect_eq(open_text(&kinds[0], secret, make_text(&kinds[1], secret, out, sizeof(out))),
		     -EBADMSG);
	ouro_secret_destroy(secret);
}

Test(secret, an_old_key_still_opens)
{
	struct ouro_secret *old = secret_a();
	struct ouro_secret *rotated = secret_of((struct ouro_str[]){ KEY_B, KEY_A }, 2);
	struct ouro_secret *new = secret_of((struct ouro_str[]){ KEY_B }, 1);
	char out[128];

	EACH_KIND(kind)
	{
		struct ouro_str text = make_text(kind, old, out, sizeof(out));

		cr_expect_eq(open_text(kind, rotated, text), 5, "%s", kind->name);
		cr_expect_eq(open_text(kind, new, text), -EBADMSG, "%s", kind->name);
		/* The first key is the one that makes. */
		text = make_text(kind, rotated, out, sizeof(out));
		cr_expect_eq(open_text(kind, new, text), 5, "%s", kind->name);
		cr_expect_eq(open_text(kind, old, text), -EBADMSG, "%s", kind->name);
	}
	ouro_secret_destroy(old);
	ouro_secret_destroy(rotated);
	ouro_secret_destroy(new);
}

Test(secret, expiry)
{
	struct ouro_secret *secret = secret_a();
	char text[128], out[128];

	EACH_KIND(kind)
	{
		ssize_t len =
			kind->make(secret, OURO_STR("a"), OURO_STR("b"), NOW, text, sizeof(text));
		struct ouro_str made = ouro_str(text, (size_t)len);

		cr_expect_eq(kind->open(secret, OURO_STR("a"), made, NOW - 1, out, sizeof(out)), 1);
		cr_expect_eq(kind->open(secret, OURO_STR("a"), made, NOW, out, sizeof(out)),
			     -ETIME);
		cr_expect_eq(kind->open(secret, OURO_STR("a"), made, INT64_MAX, out, sizeof(out)),
			     -ETIME);
		/* What is not authentic is not said to have expired. */
		cr_expect_eq(kind->open(secret, OURO_STR("c"), made, NOW, out, sizeof(out)),
			     -EBADMSG);
		len = kind->make(secret, OURO_STR("a"), OURO_STR("b"), 0, text, sizeof(text));
		made = ouro_str(text, (size_t)len);
		cr_expect_eq(kind->open(secret, OURO_STR("a"), made, INT64_MAX, out, sizeof(out)),
			     1);
		cr_expect_eq(kind->make(secret, OURO_STR("a"), OURO_STR("b"), -1, text,
					sizeof(text)),
			     -EINVAL);
	}
	ouro_secret_destroy(secret);
}

Test(secret, room)
{
	struct ouro_secret *secret = secret_a();
	char out[128], opened[128];

	EACH_KIND(kind)
	{
		struct ouro_str text = make_text(kind, secret, out, sizeof(out));
		size_t room = OURO_SECRET_OPEN_ROOM(text.len);

		cr_expect_eq(kind->make(secret, OURO_STR("sid"), OURO_STR("value"), 0, opened,
					text.len - 1),
			     -ENOBUFS);
		cr_expect_eq(kind->open(secret, OURO_STR("sid"), text, NOW, opened, room - 1),
			     -ENOBUFS);
		cr_expect_eq(kind->open(secret, OURO_STR("sid"), text, NOW, opened, room), 5);
	}
	ouro_secret_destroy(secret);
}

Test(secret, what_was_sealed_is_wiped_when_it_has_expired)
{
	struct ouro_secret *secret = secret_a();
	char text[128], out[128];
	ssize_t len =
		ouro_secret_seal(secret, OURO_STR("a"), OURO_STR("hidden"), 1, text, sizeof(text));

	cr_expect_eq(ouro_secret_open_sealed(secret, OURO_STR("a"), ouro_str(text, (size_t)len),
					     NOW, out, sizeof(out)),
		     -ETIME);
	cr_expect_null(memmem(out, OURO_SECRET_OPEN_ROOM(len), "hidden", 6));
	ouro_secret_destroy(secret);
}
