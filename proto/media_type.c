/* Content-Type: see proto/media_type.h. */
#include "proto/media_type.h"

#include "base/str.h"
#include "proto/param.h"
#include "proto/token.h"

#include <errno.h>

bool ouro_media_type_is(struct ouro_str content_type, struct ouro_str type)
{
	return type.len > 0 && ouro_str_eq_nocase(ouro_param_subject(&content_type), type);
}

static bool is_media_type(struct ouro_str text)
{
	const char *slash = text.len > 0 ? memchr(text.ptr, '/', text.len) : NULL;
	size_t len;

	if (!slash)
		return false;
	len = (size_t)(slash - text.ptr);
	return ouro_is_token(ouro_str(text.ptr, len)) &&
	       ouro_is_token(ouro_str(slash + 1, text.len - len - 1));
}

ssize_t ouro_media_type_param(struct ouro_str content_type, struct ouro_str name, char *out,
			      size_t room)
{
	struct ouro_param param;
	int step;

	if (!is_media_type(ouro_param_subject(&content_type)))
		return -EINVAL;
	while ((step = ouro_param_next(&content_type, &param)) > 0)
		if (ouro_str_eq_nocase(param.name, name))
			return ouro_param_value(&param, out, room);
	return step < 0 ? step : -ENOENT;
}
