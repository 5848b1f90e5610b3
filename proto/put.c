/* Text put together: see proto/put.h. */
#include "proto/put.h"

#include "base/str.h"
#include "proto/json_escape.h"

#include <errno.h>

void ouro_put_init(struct ouro_put *put, char *out, size_t room)
{
	*put = (struct ouro_put){ .out = out, .room = room };
}

void ouro_put_str(struct ouro_put *put, struct ouro_str str)
{
	if (put->full || str.len > put->room - put->len) {
		put->full = true;
		return;
	}
	if (str.len > 0)
		memcpy(put->out + put->len, str.ptr, str.len);
	put->len += str.len;
}

void ouro_put_dec(struct ouro_put *put, uint64_t value)
{
	char digits[20];

	ouro_put_str(put, ouro_str(digits, ouro_u64_to_dec(value, digits)));
}

void ouro_put_json(struct ouro_put *put, struct ouro_str str)
{
	ssize_t len;

	if (put->full)
		return;
	len = ouro_json_write_string(str, put->out + put->len, put->room - put->len);
	if (len < 0)
		put->full = true;
	else
		put->len += (size_t)len;
}

ssize_t ouro_put_end(const struct ouro_put *put)
{
	return put->full ? -ENOBUFS : (ssize_t)put->len;
}
