/* Bodies of forms: see proto/form.h. */
#include "proto/form.h"

#include "base/str.h"

#include <errno.h>
#include <stdint.h>

void ouro_form_init(struct ouro_form *form, char *body, size_t len, size_t pairs_max)
{
	*form = (struct ouro_form){ ouro_str(body, len), pairs_max };
}

/* The cast takes back what the view, not the memory, added: the body is the caller's to change. */
static int decode_in_place(struct ouro_str *text)
{
	ssize_t len = ouro_query_decode(*text, (char *)(uintptr_t)text->ptr, text->len);

	if (len < 0)
		return (int)len;
	text->len = (size_t)len;
	return 0;
}

static int end_walk(struct ouro_form *form, int err)
{
	form->rest.len = 0;
	return err;
}

int ouro_form_next(struct ouro_form *form, struct ouro_query_pair *pair)
{
	struct ouro_query_pair next;
	int err;

	if (!ouro_query_next(&form->rest, &next))
		return 0;
	if (form->pairs_left == 0)
		return end_walk(form, -E2BIG);
	err = decode_in_place(&next.name);
	if (!err)
		err = decode_in_place(&next.value);
	if (err)
		return end_walk(form, err);
	form->pairs_left--;
	*pair = next;
	return 1;
}
