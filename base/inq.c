/* The input queue: see base/inq.h. */
#include "base/inq.h"

#include <errno.h>
#include <string.h>

int ouro_inq_push(struct ouro_inq *inq, struct ouro_slice slice, bool copy)
{
	struct ouro_inq_item *item = ouro_pool_get(inq->pool);

	if (!item)
		return -ENOMEM;
	item->next = NULL;
	item->slice = slice;
	if (copy) {
		struct ouro_buf *own = ouro_buf_create((uint32_t)slice.len);

		if (!own) {
			ouro_pool_put(inq->pool, item);
			return -ENOMEM;
		}
		memcpy(own->data, slice.ptr, slice.len);
		item->slice = (struct ouro_slice){ own->data, slice.len, own };
	} else {
		ouro_buf_ref(slice.buf);
	}
	if (inq->last)
		inq->last->next = item;
	else
		inq->first = item;
	inq->last = item;
	inq->bytes += slice.len;
	return 0;
}

bool ouro_inq_pop(struct ouro_inq *inq, struct ouro_slice *slice)
{
	struct ouro_inq_item *item = inq->first;

	if (!item)
		return false;
	inq->first = item->next;
	if (!inq->first)
		inq->last = NULL;
	*slice = item->slice;
	inq->bytes -= item->slice.len;
	ouro_pool_put(inq->pool, item);
	return true;
}

void ouro_inq_clear(struct ouro_inq *inq)
{
	struct ouro_slice slice;

	while (ouro_inq_pop(inq, &slice))
		ouro_buf_unref(slice.buf);
}
