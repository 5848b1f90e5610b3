/* Signed and sealed values: see proto/secret.h.
 *
 * A signed text is, in base64url, the expiry (8 bytes, big-endian), the value, and the tag of the
 * name's length (8 bytes), the name, the expiry and the value. A sealed one is the nonce, the
 * expiry and the value encrypted with the name as additional data, and the tag. */
#include "proto/secret.h"

#include "base/str.h"
#include "proto/base64url.h"

#include <assert.h>
#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/rand.h>
#include <stdbool.h>
#include <stdlib.h>

enum {
	EXPIRY_BYTES = 8,
	TAG_BYTES = 32,
	NONCE_BYTES = 12,
	SEAL_TAG_BYTES = 16,
	KEY_BYTES = 32,
	SIGNED_EXTRA_BYTES = EXPIRY_BYTES + TAG_BYTES,
	SEALED_EXTRA_BYTES = NONCE_BYTES + EXPIRY_BYTES + SEAL_TAG_BYTES,
};

static_assert(OURO_SECRET_SIGNED_BYTES(1) == OURO_BASE64URL_BYTES(1 + SIGNED_EXTRA_BYTES), "");
static_assert(OURO_SECRET_SEALED_BYTES(1) == OURO_BASE64URL_BYTES(1 + SEALED_EXTRA_BYTES), "");

/* libcrypto counts in int. Nothing that is near it is a cookie. */
enum { INPUT_BYTES_MAX = 1 << 30 };

/* What is derived from one key of the caller's. */
struct key {
	EVP_MAC_CTX *mac; /* ready for the first byte; copied for each use */
	unsigned char sealing[KEY_BYTES];
};

struct ouro_secret {
	EVP_CIPHER *cipher;
	size_t count;
	struct key keys[OURO_SECRET_KEYS_MAX];
};

/* ---- Keys ---- */

static int derive(EVP_KDF *kdf, struct ouro_str key, const char *label, unsigned char *out)
{
	char digest[] = "SHA256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)key.ptr,
						  key.len),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)(uintptr_t)label,
						  strlen(label)),
		OSSL_PARAM_construct_end(),
	};
	EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
	int ok;

	if (!ctx)
		return -ENOMEM;
	ok = EVP_KDF_derive(ctx, out, KEY_BYTES, params);
	EVP_KDF_CTX_free(ctx);
	return ok == 1 ? 0 : -ENOTSUP;
}

static int init_mac(struct key *key, EVP_MAC *mac, const unsigned char *signing)
{
	char digest[] = "SHA256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};

	key->mac = EVP_MAC_CTX_new(mac);
	if (!key->mac)
		return -ENOMEM;
	return EVP_MAC_init(key->mac, signing, KEY_BYTES, params) == 1 ? 0 : -ENOTSUP;
}

static int init_key(struct key *key, EVP_KDF *kdf, EVP_MAC *mac, struct ouro_str from)
{
	unsigned char signing[KEY_BYTES];
	int err;

	if (from.len < OURO_SECRET_KEY_BYTES_MIN)
		return -EINVAL;
	err = derive(kdf, from, "ouro sign hmac-sha256 1", signing);
	if (!err)
		err = derive(kdf, from, "ouro seal aes-256-gcm 1", key->sealing);
	if (!err)
		err = init_mac(key, mac, signing);
	OPENSSL_cleanse(signing, sizeof(signing));
	return err;
}

static int init_keys(struct ouro_secret *secret, const struct ouro_str *keys, size_t count)
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	int err = kdf && mac && secret->cipher ? 0 : -ENOTSUP;

	for (size_t i = 0; i < count && !err; i++) {
		secret->count = i + 1;
		err = init_key(&secret->keys[i], kdf, mac, keys[i]);
	}
	EVP_KDF_free(kdf);
	EVP_MAC_free(mac);
	return err;
}

int ouro_secret_create(struct ouro_secret **secret, const struct ouro_str *keys, size_t count)
{
	struct ouro_secret *made;
	int err;

	if (count == 0 || count > OURO_SECRET_KEYS_MAX)
		return -EINVAL;
	made = calloc(1, sizeof(*made));
	if (!made)
		return -ENOMEM;
	made->cipher = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	err = init_keys(made, keys, count);
	if (err) {
		ouro_secret_destroy(made);
		return err;
	}
	*secret = made;
	return 0;
}

void ouro_secret_destroy(struct ouro_secret *secret)
{
	if (!secret)
		return;
	for (size_t i = 0; i < secret->count; i++)
		EVP_MAC_CTX_free(secret->keys[i].mac);
	EVP_CIPHER_free(secret->cipher);
	OPENSSL_cleanse(secret, sizeof(*secret));
	free(secret);
}

/* ---- Expiry ---- */

static void write_u64(uint64_t value, unsigned char *out)
{
	for (int i = 7; i >= 0; i--, value >>= 8)
		out[i] = (unsigned char)value;
}

static uint64_t read_u64(const unsigned char *at)
{
	uint64_t value = 0;

	for (int i = 0; i < 8; i++)
		value = value << 8 | at[i];
	return value;
}

/* Only what was authentic is asked when it expires, so that the answer tells nobody anything. */
static bool has_expired(const unsigned char *expiry, int64_t now_unix_s)
{
	int64_t expires = (int64_t)read_u64(expiry);

	return expires != 0 && now_unix_s >= expires;
}

/* ---- Signing ---- */

static int compute_tag(const struct key *key, struct ouro_str name, const unsigned char *data,
		       size_t len, unsigned char *tag)
{
	EVP_MAC_CTX *ctx = EVP_MAC_CTX_dup(key->mac);
	unsigned char name_len[8];
	size_t written = 0;
	bool ok;

	if (!ctx)
		return -ENOMEM;
	write_u64(name.len, name_len);
	ok = EVP_MAC_update(ctx, name_len, sizeof(name_len)) == 1 &&
	     EVP_MAC_update(ctx, (const unsigned char *)name.ptr, name.len) == 1 &&
	     EVP_MAC_update(ctx, data, len) == 1 &&
	     EVP_MAC_final(ctx, tag, &written, TAG_BYTES) == 1 && written == TAG_BYTES;
	EVP_MAC_CTX_free(ctx);
	return ok ? 0 : -ENOMEM;
}

/* What making a text of either kind asks of its arguments. */
static int check_making(struct ouro_str name, struct ouro_str value, int64_t expires_unix_s)
{
	if (expires_unix_s < 0 || name.len > INPUT_BYTES_MAX || value.len > INPUT_BYTES_MAX)
		return -EINVAL;
	return 0;
}

/* Writes expiry and value at @at. */
static void write_payload(int64_t expires_unix_s, struct ouro_str value, unsigned char *at)
{
	write_u64((uint64_t)expires_unix_s, at);
	if (value.len > 0)
		memcpy(at + EXPIRY_BYTES, value.ptr, value.len);
}

ssize_t ouro_secret_sign(const struct ouro_secret *secret, struct ouro_str name,
			 struct ouro_str value, int64_t expires_unix_s, char *out, size_t room)
{
	size_t raw_len = value.len + SIGNED_EXTRA_BYTES, len, payload_len;
	unsigned char *raw;
	int err = check_making(name, value, expires_unix_s);

	if (err)
		return err;
	len = OURO_BASE64URL_BYTES(raw_len);
	if (room < len)
		return -ENOBUFS;
	/* The bytes are put together where the text will end, and encoded from there. */
	raw = (unsigned char *)out + (len - raw_len);
	payload_len = EXPIRY_BYTES + value.len;
	write_payload(expires_unix_s, value, raw);
	err = compute_tag(&secret->keys[0], name, raw, payload_len, raw + payload_len);
	if (err)
		return err;
	return (ssize_t)ouro_base64url_encode(raw, raw_len, out);
}

/* Decodes @text at @out. The length of what it holds besides @extra bytes, or the error. */
static ssize_t decode_text(struct ouro_str text, size_t extra, char *out, size_t room)
{
	ssize_t len;

	if (room < OURO_SECRET_OPEN_ROOM(text.len))
		return -ENOBUFS;
	if (text.len > INPUT_BYTES_MAX)
		return -EBADMSG;
	len = ouro_base64url_decode(text, (unsigned char *)out);
	if (len < 0 || (size_t)len < extra)
		return -EBADMSG;
	return len - (ssize_t)extra;
}

/* 0 where the tag behind the payload is that of a key. */
static int check_tag(const struct ouro_secret *secret, struct ouro_str name,
		     const unsigned char *raw, size_t payload_len)
{
	unsigned char tag[TAG_BYTES];
	int err;

	for (size_t i = 0; i < secret->count; i++) {
		err = compute_tag(&secret->keys[i], name, raw, payload_len, tag);
		if (err)
			return err;
		if (CRYPTO_memcmp(tag, raw + payload_len, TAG_BYTES) == 0)
			return 0;
	}
	return -EBADMSG;
}

ssize_t ouro_secret_open_signed(const struct ouro_secret *secret, struct ouro_str name,
				struct ouro_str text, int64_t now_unix_s, char *out, size_t room)
{
	ssize_t len = decode_text(text, SIGNED_EXTRA_BYTES, out, room);
	unsigned char *raw = (unsigned char *)out;
	int err;

	if (len < 0)
		return len;
	err = check_tag(secret, name, raw, EXPIRY_BYTES + (size_t)len);
	if (err)
		return err;
	if (has_expired(raw, now_unix_s))
		return -ETIME;
	memmove(out, out + EXPIRY_BYTES, (size_t)len);
	return len;
}

/* ---- Sealing ---- */

/* Encrypts the @len bytes at @data in place and writes the tag behind them. */
static int encrypt(EVP_CIPHER_CTX *ctx, struct ouro_str name, unsigned char *data, size_t len)
{
	int written;
	bool ok;

	ok = EVP_EncryptUpdate(ctx, NULL, &written, (const unsigned char *)name.ptr,
			       (int)name.len) == 1 &&
	     EVP_EncryptUpdate(ctx, data, &written, data, (int)len) == 1 &&
	     EVP_EncryptFinal_ex(ctx, data + len, &written) == 1 &&
	     EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, SEAL_TAG_BYTES, data + len) == 1;
	return ok ? 0 : -ENOMEM;
}

ssize_t ouro_secret_seal(const struct ouro_secret *secret, struct ouro_str name,
			 struct ouro_str value, int64_t expires_unix_s, char *out, size_t room)
{
	size_t raw_len = value.len + SEALED_EXTRA_BYTES, len;
	unsigned char *nonce, *payload;
	EVP_CIPHER_CTX *ctx;
	int err = check_making(name, value, expires_unix_s);

	if (err)
		return err;
	len = OURO_BASE64URL_BYTES(raw_len);
	if (room < len)
		return -ENOBUFS;
	/* The bytes are put together where the text will end, and encoded from there. */
	nonce = (unsigned char *)out + (len - raw_len);
	payload = nonce + NONCE_BYTES;
	if (RAND_bytes(nonce, NONCE_BYTES) != 1)
		return -EIO;
	write_payload(expires_unix_s, value, payload);
	ctx = EVP_CIPHER_CTX_new();
	err = -ENOMEM;
	if (ctx &&
	    EVP_EncryptInit_ex2(ctx, secret->cipher, secret->keys[0].sealing, nonce, NULL) == 1)
		err = encrypt(ctx, name, payload, EXPIRY_BYTES + value.len);
	EVP_CIPHER_CTX_free(ctx);
	if (err) {
		OPENSSL_cleanse(out, len);
		return err;
	}
	return (ssize_t)ouro_base64url_encode(nonce, raw_len, out);
}

/* Decrypts the @len bytes at @data in place. True where the tag behind them is right. */
static bool decrypt(EVP_CIPHER_CTX *ctx, struct ouro_str name, unsigned char *data, size_t len)
{
	int written;

	return EVP_DecryptUpdate(ctx, NULL, &written, (const unsigned char *)name.ptr,
				 (int)name.len) == 1 &&
	       EVP_DecryptUpdate(ctx, data, &written, data, (int)len) == 1 &&
	       EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, SEAL_TAG_BYTES, data + len) == 1 &&
	       EVP_DecryptFinal_ex(ctx, data + len, &written) == 1;
}

/* Opens with one key. A wrong one leaves nonsense of the bytes, which is why each key has them
 * decoded anew. */
static ssize_t open_with(const struct ouro_secret *secret, const struct key *key,
			 EVP_CIPHER_CTX *ctx, struct ouro_str name, struct ouro_str text, char *out,
			 size_t room)
{
	ssize_t len = decode_text(text, SEALED_EXTRA_BYTES, out, room);
	unsigned char *nonce = (unsigned char *)out;

	if (len < 0)
		return len;
	if (EVP_DecryptInit_ex2(ctx, secret->cipher, key->sealing, nonce, NULL) != 1)
		return -ENOMEM;
	if (!decrypt(ctx, name, nonce + NONCE_BYTES, EXPIRY_BYTES + (size_t)len))
		return -EBADMSG;
	return len;
}

static ssize_t open_with_any(const struct ouro_secret *secret, struct ouro_str name,
			     struct ouro_str text, char *out, size_t room)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	ssize_t len = ctx ? -EBADMSG : -ENOMEM;

	for (size_t i = 0; i < secret->count && len == -EBADMSG; i++)
		len = open_with(secret, &secret->keys[i], ctx, name, text, out, room);
	EVP_CIPHER_CTX_free(ctx);
	return len;
}

ssize_t ouro_secret_open_sealed(const struct ouro_secret *secret, struct ouro_str name,
				struct ouro_str text, int64_t now_unix_s, char *out, size_t room)
{
	const unsigned char *payload = (unsigned char *)out + NONCE_BYTES;
	ssize_t len;

	if (name.len > INPUT_BYTES_MAX)
		return -EBADMSG;
	len = open_with_any(secret, name, text, out, room);
	if (len >= 0 && has_expired(payload, now_unix_s))
		len = -ETIME;
	if (len < 0) {
		if (room >= OURO_SECRET_OPEN_ROOM(text.len))
			OPENSSL_cleanse(out, OURO_SECRET_OPEN_ROOM(text.len));
		return len;
	}
	memmove(out, payload + EXPIRY_BYTES, (size_t)len);
	return len;
}
