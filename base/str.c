/* String views: see base/str.h. */
#include "base/str.h"

#include <errno.h>

static unsigned char lower(char c)
{
	unsigned char u = (unsigned char)c;

	return (unsigned char)(u >= 'A' && u <= 'Z' ? u + ('a' - 'A') : u);
}

bool ouro_str_eq_nocase(struct ouro_str a, struct ouro_str b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		if (lower(a.ptr[i]) != lower(b.ptr[i]))
			return false;
	return true;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

struct ouro_str ouro_str_trim(struct ouro_str str)
{
	while (str.len > 0 && is_blank(str.ptr[0]))
		str = ouro_str(str.ptr + 1, str.len - 1);
	while (str.len > 0 && is_blank(str.ptr[str.len - 1]))
		str.len--;
	return str;
}

bool ouro_str_has_token(struct ouro_str list, struct ouro_str token)
{
	while (list.len > 0) {
		const char *comma = memchr(list.ptr, ',', list.len);
		size_t len = comma ? (size_t)(comma - list.ptr) : list.len;
		size_t step = comma ? len + 1 : len;

		if (ouro_str_eq_nocase(ouro_str_trim(ouro_str(list.ptr, len)), token))
			return true;
		list = ouro_str(list.ptr + step, list.len - step);
	}
	return false;
}

int ouro_str_to_u64(struct ouro_str str, uint64_t *value)
{
	uint64_t sum = 0;

	if (str.len == 0)
		return -EINVAL;
	for (size_t i = 0; i < str.len; i++) {
		unsigned digit = (unsigned)(str.ptr[i] - '0');

		if (str.ptr[i] < '0' || str.ptr[i] > '9')
			return -EINVAL;
		if (sum > (UINT64_MAX - digit) / 10)
			return -ERANGE;
		sum = sum * 10 + digit;
	}
	*value = sum;
	return 0;
}

static size_t count_digits(uint64_t value)
{
	size_t count = 1;

	while (value >= 10) {
		value /= 10;
		count++;
	}
	return count;
}

size_t ouro_u64_to_dec(uint64_t value, char *out)
{
	size_t count;

	/* Most lengths of small bodies. */
	if (value >= 10 && value < 100) {
		out[0] = (char)('0' + value / 10);
		out[1] = (char)('0' + value % 10);
		return 2;
	}
	count = count_digits(value);
	for (size_t i = count; i-- > 0; value /= 10)
		out[i] = (char)('0' + value % 10);
	return count;
}
