/* Base64 for URLs: see proto/base64url.h. */
#include "proto/base64url.h"

#include <errno.h>
#include <stdint.h>

static char digit(uint32_t bits)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				     "0123456789-_";

	return digits[bits & 63];
}

static int digit_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '-' ? 62 : c == '_' ? 63 : -1;
}

/* Three bytes are read before four characters are written, and the text ends where the data does:
 * writing never reaches what is still to be read. */
size_t ouro_base64url_encode(const unsigned char *data, size_t len, char *out)
{
	char *at = out;

	for (size_t i = 0; i < len; i += 3) {
		size_t left = len - i;
		uint32_t bits = (uint32_t)data[i] << 16;

		if (left > 1)
			bits |= (uint32_t)data[i + 1] << 8;
		if (left > 2)
			bits |= data[i + 2];
		*at++ = digit(bits >> 18);
		*at++ = digit(bits >> 12);
		if (left > 1)
			*at++ = digit(bits >> 6);
		if (left > 2)
			*at++ = digit(bits);
	}
	return (size_t)(at - out);
}

ssize_t ouro_base64url_decode(struct ouro_str text, unsigned char *out)
{
	unsigned char *at = out;
	uint32_t bits = 0;
	unsigned count = 0; /* of the bits that no byte was made of yet */

	if (text.len % 4 == 1)
		return -EINVAL;
	for (size_t i = 0; i < text.len; i++) {
		int value = digit_value(text.ptr[i]);

		if (value < 0)
			return -EINVAL;
		bits = bits << 6 | (uint32_t)value;
		count += 6;
		if (count >= 8) {
			count -= 8;
			*at++ = (unsigned char)(bits >> count);
			bits &= (1U << count) - 1;
		}
	}
	return bits == 0 ? at - out : -EINVAL;
}
