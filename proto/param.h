/* Lists and parameters, of which many fields are made (RFC 9110, 5.6.1 and 5.6.6), with quoted
 * strings in them (5.6.4). */
#ifndef OURO_PROTO_PARAM_H
#define OURO_PROTO_PARAM_H

#include "ouro/base.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* One parameter. */
struct ouro_param {
	struct ouro_str name;  /* a token */
	struct ouro_str value; /* a token, or what is between the quotes, backslashes and all */
	bool quoted;
};

/* Takes the next element off the front of @list, without the white space around it; empty elements
 * are skipped. A comma in a quoted string ends none; where such a string does not end, the element
 * is all that is left. False when there is none left. The view points into @list. */
bool ouro_list_next(struct ouro_str *list, struct ouro_str *element);

/* Takes the text before the first semicolon off the front of @rest, without the white space
 * around it: what the parameters belong to. It may be empty. @rest is then what
 * ouro_param_next() takes. */
struct ouro_str ouro_param_subject(struct ouro_str *rest);

/* Takes the next parameter off the front of @rest, which begins with a semicolon or is empty. 1; 0
 * when there is none left; -EINVAL where what follows is no parameter, and @rest is then what it
 * was. Missing ones, as in "a;;b=c", are skipped. The views in @param point into @rest. */
int ouro_param_next(struct ouro_str *rest, struct ouro_param *param);

/* Writes the value of @param at @out of @room bytes, backslashes resolved; returns its length,
 * which is never more than @param->value.len. -ENOBUFS where it does not fit. */
ssize_t ouro_param_value(const struct ouro_param *param, char *out, size_t room);

#endif
