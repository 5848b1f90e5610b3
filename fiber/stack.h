/* Stacks for fibers, each with a guard below it that faults. They are mapped many at a time, since a process
 * may have only so many mappings (65,530 by default) and a stack of its own mapping, with its guard,
 * would take two. What counts is memory, not address space: a stack that is put back loses its
 * pages, and a slab is unmapped when none of its stacks is in use. */
#ifndef OURO_FIBER_STACK_H
#define OURO_FIBER_STACK_H

#include <stddef.h>
#include <stdint.h>

struct ouro_stack_slab;

struct ouro_stacks {
	struct ouro_stack_slab *slabs; /* all of them */
	struct ouro_stack_slab *spare; /* those that have a stack to give */
	size_t page_bytes;
	size_t guard_bytes;
	size_t cell_bytes; /* one stack and all that belongs to it */
	size_t head_bytes; /* kept free at the top of each */
	size_t mapped_bytes;
};

struct ouro_stack {
	char *low;  /* just above the guard */
	char *high; /* where the @head_bytes asked for begin; aligned to 64 bytes */
	struct ouro_stack_slab *slab;
	uint32_t index; /* in @slab */
};

/* Stacks of at least @stack_bytes, above which @head_bytes are left to the caller. */
void ouro_stacks_init(struct ouro_stacks *stacks, size_t stack_bytes, size_t head_bytes);

/* Unmaps everything, used or not. */
void ouro_stacks_fini(struct ouro_stacks *stacks);

/* 0 and a stack whose content is undefined, -ENOMEM if there is no memory for more. */
int ouro_stacks_get(struct ouro_stacks *stacks, struct ouro_stack *stack);

/* Takes a stack back; @stack may lie on it. Its memory is gone with ouro_stacks_flush(), which
 * must come before the next ouro_stacks_get(). */
void ouro_stacks_put(struct ouro_stacks *stacks, const struct ouro_stack *stack);

/* Gives the memory of all that was put back to the system, with as few calls as will do. */
void ouro_stacks_flush(struct ouro_stacks *stacks);

/* Gives the memory of a stack in which nobody has data back to the system, but for the head and
 * the first page. */
void ouro_stacks_drop_deep(const struct ouro_stacks *stacks, const struct ouro_stack *stack);

#endif
