/* Ids of messages: see hub/id.h. */
#include "hub/id.h"

#include <errno.h>

struct ouro_hub_id ouro_hub_id_next(struct ouro_hub_id last, uint64_t now_ms)
{
	const uint64_t step = OURO_HUB_ORIGIN_MAX + 1;

	if (now_ms > last.ms)
		return (struct ouro_hub_id){ now_ms, ouro_hub_id_origin(last) };
	if (last.seq <= UINT64_MAX - step)
		return (struct ouro_hub_id){ last.ms, last.seq + step };
	return (struct ouro_hub_id){ last.ms + 1, ouro_hub_id_origin(last) };
}

size_t ouro_hub_id_write(struct ouro_hub_id id, char *out)
{
	size_t len = ouro_u64_to_dec(id.ms, out);

	out[len++] = '-';
	return len + ouro_u64_to_dec(id.seq, out + len);
}

static int parse_number(struct ouro_str text, uint64_t *value)
{
	if (text.len > 1 && text.ptr[0] == '0')
		return -EINVAL;
	return ouro_str_to_u64(text, value) ? -EINVAL : 0;
}

int ouro_hub_id_parse(struct ouro_str text, struct ouro_hub_id *id)
{
	const char *dash = text.len > 0 ? memchr(text.ptr, '-', text.len) : NULL;
	struct ouro_hub_id parsed;
	size_t ms_len;

	if (!dash)
		return -EINVAL;
	ms_len = (size_t)(dash - text.ptr);
	if (parse_number(ouro_str(text.ptr, ms_len), &parsed.ms) ||
	    parse_number(ouro_str(dash + 1, text.len - ms_len - 1), &parsed.seq))
		return -EINVAL;
	*id = parsed;
	return 0;
}
