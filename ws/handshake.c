/* The opening handshake: see ws/handshake.h. */
#include "ws/handshake.h"

#include "base/str.h"

#include <assert.h>
#include <errno.h>
#include <openssl/evp.h>

enum { NONCE_BYTES = 16, SHA1_BYTES = 20 };

/* RFC 6455, 1.3: what every server puts behind the key. */
#define PROTOCOL_GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

static bool is_base64(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
	       c == '+' || c == '/';
}

/* 16 bytes are 22 digits, of which the last has four bits to spare, and two of padding. That these
 * bits are zero is not asked for: RFC 4648, 3.5 leaves it open, and the value is not decoded. */
static bool is_key(struct ouro_str key)
{
	static_assert(OURO_WS_KEY_BYTES == (NONCE_BYTES + 2) / 3 * 4, "padded base64");

	if (key.len != OURO_WS_KEY_BYTES)
		return false;
	for (size_t i = 0; i < OURO_WS_KEY_BYTES - 2; i++)
		if (!is_base64(key.ptr[i]))
			return false;
	return key.ptr[OURO_WS_KEY_BYTES - 2] == '=' && key.ptr[OURO_WS_KEY_BYTES - 1] == '=';
}

int ouro_ws_accept_key(struct ouro_str key, char accept[OURO_WS_ACCEPT_BYTES])
{
	char text[OURO_WS_KEY_BYTES + sizeof(PROTOCOL_GUID) - 1];
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned char base64[OURO_WS_ACCEPT_BYTES + 1];
	unsigned digest_len = 0;

	static_assert(OURO_WS_ACCEPT_BYTES == (SHA1_BYTES + 2) / 3 * 4, "padded base64");
	if (!is_key(key))
		return -EINVAL;
	memcpy(text, key.ptr, OURO_WS_KEY_BYTES);
	memcpy(text + OURO_WS_KEY_BYTES, PROTOCOL_GUID, sizeof(PROTOCOL_GUID) - 1);
	/* SHA-1 proves here that the peer speaks the protocol, nothing else. */
	if (!EVP_Digest(text, sizeof(text), digest, &digest_len, EVP_sha1(), NULL) ||
	    digest_len != SHA1_BYTES)
		return -EIO;
	EVP_EncodeBlock(base64, digest, SHA1_BYTES);
	memcpy(accept, base64, OURO_WS_ACCEPT_BYTES);
	return 0;
}

bool ouro_ws_version_is_known(struct ouro_str version)
{
	return ouro_str_eq(ouro_str_trim(version), OURO_STR("13"));
}

/* The next element of a comma-separated list, trimmed; what is left of the list in @rest. */
static struct ouro_str next_element(struct ouro_str *rest)
{
	const char *comma = memchr(rest->ptr, ',', rest->len);
	size_t len = comma ? (size_t)(comma - rest->ptr) : rest->len;
	size_t used = comma ? len + 1 : len;
	struct ouro_str element = ouro_str_trim(ouro_str(rest->ptr, len));

	*rest = ouro_str(rest->ptr + used, rest->len - used);
	return element;
}

struct ouro_str ouro_ws_choose_protocol(struct ouro_str offered, const struct ouro_str *known,
					size_t count)
{
	while (offered.len > 0) {
		struct ouro_str name = next_element(&offered);

		for (size_t i = 0; name.len > 0 && i < count; i++)
			if (ouro_str_eq(name, known[i]))
				return name;
	}
	return ouro_str(NULL, 0);
}

/* An origin taken apart; the port that goes without saying is left out. */
struct origin {
	struct ouro_str scheme, authority;
};

static struct ouro_str without_port(struct ouro_str authority, struct ouro_str port)
{
	size_t len = authority.len;

	if (len > port.len && ouro_str_eq(ouro_str(authority.ptr + len - port.len, port.len), port))
		authority.len -= port.len;
	return authority;
}

static bool split_origin(struct ouro_str text, struct origin *origin)
{
	const char *mark = text.len > 3 ? memmem(text.ptr, text.len, "://", 3) : NULL;
	size_t scheme_len;

	if (!mark)
		return false;
	scheme_len = (size_t)(mark - text.ptr);
	origin->scheme = ouro_str(text.ptr, scheme_len);
	origin->authority = ouro_str(mark + 3, text.len - scheme_len - 3);
	if (ouro_str_eq_nocase(origin->scheme, OURO_STR("https")))
		origin->authority = without_port(origin->authority, OURO_STR(":443"));
	else if (ouro_str_eq_nocase(origin->scheme, OURO_STR("http")))
		origin->authority = without_port(origin->authority, OURO_STR(":80"));
	return origin->authority.len > 0;
}

static bool is_same_origin(struct ouro_str a, struct ouro_str b)
{
	struct origin left, right;

	if (!split_origin(a, &left) || !split_origin(b, &right))
		return ouro_str_eq(a, b);
	return ouro_str_eq_nocase(left.scheme, right.scheme) &&
	       ouro_str_eq_nocase(left.authority, right.authority);
}

/* Host does not say which scheme it was asked by (TLS may have ended before us), so that only host
 * and port are compared. */
static bool is_of_host(struct ouro_str text, struct ouro_str host)
{
	struct origin origin;

	if (!split_origin(text, &origin))
		return false;
	if (ouro_str_eq_nocase(origin.scheme, OURO_STR("https")))
		host = without_port(host, OURO_STR(":443"));
	else
		host = without_port(host, OURO_STR(":80"));
	return ouro_str_eq_nocase(origin.authority, host);
}

bool ouro_ws_origin_is_allowed(struct ouro_str origin, struct ouro_str host,
			       const struct ouro_str *allowed, size_t count)
{
	if (!origin.ptr)
		return true;
	if (count == 0)
		return is_of_host(origin, host);
	for (size_t i = 0; i < count; i++)
		if (ouro_str_eq(allowed[i], OURO_STR("*")) || is_same_origin(origin, allowed[i]))
			return true;
	return false;
}
