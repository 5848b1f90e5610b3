/* Lists and parameters: see proto/param.h. */
#include "proto/param.h"

#include "base/str.h"
#include "proto/token.h"

#include <errno.h>

static struct ouro_str skip(struct ouro_str str, size_t len)
{
	/* An absent view stays one: its pointer must not be counted from. */
	return len > 0 ? ouro_str(str.ptr + len, str.len - len) : str;
}

/* The length of @text up to the first @separator outside quoted strings, or all of it. */
static size_t length_until(struct ouro_str text, char separator)
{
	bool quoted = false;

	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] == '"')
			quoted = !quoted;
		else if (quoted && text.ptr[i] == '\\')
			i++;
		else if (!quoted && text.ptr[i] == separator)
			return i;
	}
	return text.len;
}

bool ouro_list_next(struct ouro_str *list, struct ouro_str *element)
{
	while (list->len > 0) {
		size_t len = length_until(*list, ',');
		struct ouro_str text = ouro_str_trim(ouro_str(list->ptr, len));

		*list = skip(*list, len < list->len ? len + 1 : len);
		if (text.len == 0)
			continue;
		*element = text;
		return true;
	}
	return false;
}

struct ouro_str ouro_param_subject(struct ouro_str *rest)
{
	size_t len = length_until(*rest, ';');
	struct ouro_str subject = ouro_str_trim(ouro_str(rest->ptr, len));

	*rest = skip(*rest, len);
	return subject;
}

static struct ouro_str skip_blanks(struct ouro_str str)
{
	while (str.len > 0 && (str.ptr[0] == ' ' || str.ptr[0] == '\t'))
		str = skip(str, 1);
	return str;
}

/* Takes a token off the front of @rest; empty where there is none. */
static struct ouro_str take_token(struct ouro_str *rest)
{
	size_t len = 0;
	struct ouro_str token;

	while (len < rest->len && ouro_is_token_char(rest->ptr[len]))
		len++;
	token = ouro_str(rest->ptr, len);
	*rest = skip(*rest, len);
	return token;
}

/* Takes a quoted string, whose first quote is there, off the front of @rest, and sets @inside to
 * what is between the quotes. */
static int take_quoted(struct ouro_str *rest, struct ouro_str *inside)
{
	for (size_t i = 1; i < rest->len; i++) {
		if (rest->ptr[i] == '"') {
			*inside = ouro_str(rest->ptr + 1, i - 1);
			*rest = skip(*rest, i + 1);
			return ouro_is_field_value(*inside) ? 0 : -EINVAL;
		}
		if (rest->ptr[i] == '\\')
			i++;
	}
	return -EINVAL;
}

/* Takes what is after the equals sign. */
static int take_value(struct ouro_str *rest, struct ouro_param *param)
{
	param->quoted = rest->len > 0 && rest->ptr[0] == '"';
	if (param->quoted)
		return take_quoted(rest, &param->value);
	param->value = take_token(rest);
	return param->value.len > 0 ? 0 : -EINVAL;
}

int ouro_param_next(struct ouro_str *rest, struct ouro_param *param)
{
	struct ouro_str at = skip_blanks(*rest);
	struct ouro_param next;

	while (at.len > 0 && at.ptr[0] == ';') {
		at = skip_blanks(skip(at, 1));
		if (at.len == 0 || at.ptr[0] == ';')
			continue;
		next.name = take_token(&at);
		if (next.name.len == 0 || at.len == 0 || at.ptr[0] != '=')
			return -EINVAL;
		at = skip(at, 1);
		if (take_value(&at, &next))
			return -EINVAL;
		/* Nothing but another parameter may follow. */
		at = skip_blanks(at);
		if (at.len > 0 && at.ptr[0] != ';')
			return -EINVAL;
		*param = next;
		*rest = at;
		return 1;
	}
	if (at.len > 0)
		return -EINVAL;
	*rest = at;
	return 0;
}

ssize_t ouro_param_value(const struct ouro_param *param, char *out, size_t room)
{
	size_t len = 0;

	for (size_t i = 0; i < param->value.len; i++) {
		if (param->quoted && param->value.ptr[i] == '\\' && i + 1 < param->value.len)
			i++;
		if (len == room)
			return -ENOBUFS;
		out[len++] = param->value.ptr[i];
	}
	return (ssize_t)len;
}
