/* Values that a typed parameter takes: see router/value.h. */
#include "router/value.h"

#include "base/str.h"

bool ouro_value_is_u64(struct ouro_str value)
{
	uint64_t number;

	return ouro_str_to_u64(value, &number) == 0;
}

bool ouro_value_is_i64(struct ouro_str value)
{
	bool negative = value.len > 0 && value.ptr[0] == '-';
	uint64_t number;

	if (negative)
		value = ouro_str(value.ptr + 1, value.len - 1);
	return ouro_str_to_u64(value, &number) == 0 && number <= (uint64_t)INT64_MAX + negative;
}

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

bool ouro_value_is_uuid(struct ouro_str value)
{
	if (value.len != 36)
		return false;
	for (size_t i = 0; i < value.len; i++) {
		bool between = i == 8 || i == 13 || i == 18 || i == 23;

		if (between ? value.ptr[i] != '-' : !is_hex(value.ptr[i]))
			return false;
	}
	return true;
}
