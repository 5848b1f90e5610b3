/* Values that come back from a client as they were given out: signed, which it can read, or sealed,
 * which it cannot.
 *
 * Each key is a secret of the caller's from which HKDF-SHA-256 derives one key for signing
 * (HMAC-SHA-256) and another for sealing (AES-256-GCM), each under a label of its own: a signed
 * value never opens as a sealed one. A value is bound to the name that it was made for and holds
 * the time at which it expires. Its text is base64url without padding, fit for a cookie, a field or
 * a URL; each value has one text only, and any other is refused. */
#ifndef OURO_PROTO_SECRET_H
#define OURO_PROTO_SECRET_H

#include "ouro/base.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct ouro_secret;

#define OURO_SECRET_KEY_BYTES_MIN 32
#define OURO_SECRET_KEYS_MAX 8

/* Bytes of the text of a value of @len bytes. */
#define OURO_SECRET_SIGNED_BYTES(len) ((((size_t)(len) + 40) * 4 + 2) / 3)
#define OURO_SECRET_SEALED_BYTES(len) ((((size_t)(len) + 36) * 4 + 2) / 3)

/* Room that opening a text of @len bytes takes: more than the value that comes of it. */
#define OURO_SECRET_OPEN_ROOM(len) ((size_t)(len) / 4 * 3 + 2)

/* Makes a secret of @count @keys: the first signs and seals, all of them open, so that a new one
 * can be put before the old. Keys are random bytes, OURO_SECRET_KEY_BYTES_MIN at least, and are not
 * kept. Of sealed values a key is good for some four thousand million (2^32), since nonces are
 * random. 0; -EINVAL where there is no key, more than OURO_SECRET_KEYS_MAX, or a short one;
 * -ENOTSUP where libcrypto lacks an algorithm; -ENOMEM. Never changes afterwards: any thread may
 * use it at any time. */
int ouro_secret_create(struct ouro_secret **secret, const struct ouro_str *keys, size_t count);

/* Wipes and frees it. NULL is accepted. */
void ouro_secret_destroy(struct ouro_secret *secret);

/* Writes the text of @value for @name at @out of @room bytes; returns its length.
 * @expires_unix_s: the second from which it opens no more, 0 for never. -EINVAL where that is
 * negative; -ENOBUFS where the text does not fit; -ENOMEM; -EIO where libcrypto has no random
 * bytes. Where it fails, @out may have been written to. */
ssize_t ouro_secret_sign(const struct ouro_secret *secret, struct ouro_str name,
			 struct ouro_str value, int64_t expires_unix_s, char *out, size_t room);
ssize_t ouro_secret_seal(const struct ouro_secret *secret, struct ouro_str name,
			 struct ouro_str value, int64_t expires_unix_s, char *out, size_t room);

/* Writes the value of @text at @out of @room bytes, elsewhere in memory; returns its length. -EBADMSG where @text was
 * not made for @name with one of the keys; -ETIME where it was, and has expired by @now_unix_s;
 * -ENOBUFS where @room is less than OURO_SECRET_OPEN_ROOM(text.len); -ENOMEM. Where it fails, @out
 * may have been written to, though never with what was sealed. */
ssize_t ouro_secret_open_signed(const struct ouro_secret *secret, struct ouro_str name,
				struct ouro_str text, int64_t now_unix_s, char *out, size_t room);
ssize_t ouro_secret_open_sealed(const struct ouro_secret *secret, struct ouro_str name,
				struct ouro_str text, int64_t now_unix_s, char *out, size_t room);

#endif
