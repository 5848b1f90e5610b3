/* Lists whose links are in what is listed: a ring with the list's own link between the last and the
 * first. */
#ifndef OURO_HUB_LIST_H
#define OURO_HUB_LIST_H

#include <stdbool.h>
#include <stddef.h>

/* A list, or a link of one. */
struct ouro_hub_list {
	struct ouro_hub_list *next, *prev;
};

/* What the link @link is the member @member of. */
#define OURO_HUB_LIST_ENTRY(link, type, member)                                                    \
	((type *)(void *)((char *)(link)-offsetof(type, member)))

static inline void ouro_hub_list_init(struct ouro_hub_list *list)
{
	list->next = list;
	list->prev = list;
}

static inline bool ouro_hub_list_is_empty(const struct ouro_hub_list *list)
{
	return list->next == list;
}

static inline void ouro_hub_list_add(struct ouro_hub_list *list, struct ouro_hub_list *link)
{
	link->prev = list->prev;
	link->next = list;
	list->prev->next = link;
	list->prev = link;
}

/* Takes @link out; it is a list of its own then, and may be taken out again. */
static inline void ouro_hub_list_remove(struct ouro_hub_list *link)
{
	link->prev->next = link->next;
	link->next->prev = link->prev;
	ouro_hub_list_init(link);
}

/* Moves all of @from behind what is in @list. */
static inline void ouro_hub_list_add_all(struct ouro_hub_list *list, struct ouro_hub_list *from)
{
	if (ouro_hub_list_is_empty(from))
		return;
	from->next->prev = list->prev;
	list->prev->next = from->next;
	from->prev->next = list;
	list->prev = from->prev;
	ouro_hub_list_init(from);
}

#endif
